//! Where the shim is that is preloaded into the program.

use std::path::PathBuf;

use crate::error::StartError;

/// The first of `places` that has it.
pub(super) fn find(places: &[PathBuf]) -> Result<PathBuf, StartError> {
    let Some(path) = places.iter().find(|path| path.is_file()).cloned() else {
        return Err(StartError::ShimMissing { looked_at: places.to_vec() });
    };
    let is_torn = path.as_os_str().as_encoded_bytes().iter().any(|byte| b" \t\n:".contains(byte));
    if is_torn { Err(StartError::ShimPath { path }) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shim_that_is_missing_or_cannot_be_named_is_told_with_what_to_do() {
        let error = find(&["/no/such/a.so".into(), "/no/b.so".into()]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("/no/such/a.so or /no/b.so"), "{error}");
        assert!(error.contains("set WSFERRY_REBIND"), "{error}");

        let folder = tempfile::Builder::new().prefix("with blank ").tempdir().unwrap();
        let path = folder.path().join("libwsferry_rebind.so");
        std::fs::write(&path, "").unwrap();
        let error = find(&["/no/such/a.so".into(), path]).unwrap_err().to_string();
        assert!(error.contains("blank or a colon"), "{error}");
    }
}
