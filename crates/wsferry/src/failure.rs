//! Why the program did not start, in words.

/// The error and its causes, each said once: some errors have their cause in their own sentence.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| match cause.to_string() {
        cause if said.is_empty() => cause,
        cause if said.contains(&cause) => said,
        cause => format!("{said}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;
    use wsferry_gateway::error::StartError;

    use super::sentence;

    #[test]
    fn a_cause_that_stands_in_its_sentence_is_not_said_again() {
        let source = io::Error::from(io::ErrorKind::NotFound);
        let cause = source.to_string();
        let error = StartError::WebRoot { path: "public".into(), source };
        let text = sentence(&error.into());
        assert_eq!(text.matches(&cause).count(), 1, "{text}");
    }

    #[test]
    fn a_cause_that_does_not_stand_in_its_sentence_follows_it() {
        let error = Err::<(), _>(io::Error::other("no such thing")).context("cannot play it back");
        assert_eq!(sentence(&error.unwrap_err()), "cannot play it back: no such thing");
    }
}
