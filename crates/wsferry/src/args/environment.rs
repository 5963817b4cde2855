//! Options from the environment, for command lines that nobody can edit:
//! `WSFERRY_ALLOW_HOST=a.example,b.example` is `--allow-host a.example --allow-host b.example`.
//!
//! The variables become words in front of those that were typed. What was typed comes first: an
//! option that stands on the command line, or excludes one there, is not taken from the environment.
//! Variables with the prefix that are no option's are left alone: Kubernetes gives
//! `WSFERRY_PORT=tcp://…` beside a Service of that name.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Options of which only one can be given.
const EXCLUSIVE: [&[&str]; 4] = [
    &["inetd", "unix-listen"],
    &["inetd", "daemon"],
    &["web-listing", "file-only"],
    &["ssl-target-cafile", "ssl-target-insecure"],
];

/// Options that say where sessions lead.
const ROUTES: [&str; 4] = ["token-plugin", "target-config", "unix-target", "allow-address"];

/// What the environment says about options that were not typed.
#[derive(Default)]
pub(super) struct Environment(Vec<Setting>);

struct Setting {
    /// Its long name, without dashes.
    option: String,
    variable: String,
    words: Vec<OsString>,
}

impl Environment {
    /// Asks for the variable of each option that was not typed.
    ///
    /// # Errors
    /// A flag that is neither on nor off.
    pub(super) fn read(
        command: &Command,
        typed: &ArgMatches,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, clap::Error> {
        if typed.subcommand_name().is_some() {
            return Ok(Self::default()); // these are the options of a gateway
        }
        let typed = Typed::new(command, typed);
        let mut settings = Vec::new();
        for (arg, option) in options(command) {
            let name = name(option);
            let value = variable(&name).filter(|value| !value.is_empty());
            let Some(value) = value.filter(|_| !typed.rules_out(option)) else { continue };
            let words = words(arg, option, &value).map_err(|expected| {
                let text = format!("{name}: {value:?} is not {expected}");
                command.clone().error(ErrorKind::ValueValidation, text)
            })?;
            settings.push(Setting { option: option.to_owned(), variable: name, words });
        }
        Ok(Self(settings))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words of a command line, with those of the environment behind the program's name.
    pub(super) fn before(&self, mut typed: Vec<OsString>) -> Vec<OsString> {
        let words = self.0.iter().flat_map(|setting| setting.words.iter().cloned());
        let at = typed.len().min(1);
        typed.splice(at..at, words);
        typed
    }

    /// Names the variable in an error about its value.
    pub(super) fn name_in(&self, mut error: clap::Error) -> clap::Error {
        if let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg)
            && let option = arg.trim_start_matches('-').split([' ', '=']).next()
            && let Some(setting) = self.0.iter().find(|setting| Some(&*setting.option) == option)
        {
            let name = ContextValue::String(setting.variable.clone());
            error.insert(ContextKind::InvalidArg, name);
        }
        error
    }

    /// Names the variables of the options in a sentence about how options go together.
    pub(super) fn explain(&self, misuse: String) -> String {
        let is_told = |setting: &&Setting| {
            let option = format!("--{}", setting.option);
            let is_end =
                |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-');
            misuse.match_indices(&option).any(|(at, _)| is_end(&misuse[at + option.len()..]))
        };
        let told: Vec<_> = self.0.iter().filter(is_told).map(|told| &*told.variable).collect();
        match told.is_empty() {
            true => misuse,
            false => format!("{misuse}. The environment has {}", told.join(" and ")),
        }
    }
}

/// The options that take a place in the environment, by their long names.
fn options(command: &Command) -> impl Iterator<Item = (&Arg, &str)> {
    let takes = |arg: &Arg| {
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append | ArgAction::SetTrue)
    };
    let options = command.get_arguments().filter(move |arg| takes(arg));
    options.filter_map(|arg| Some((arg, arg.get_long()?)))
}

/// `WSFERRY_ALLOW_HOST` for `allow-host`.
fn name(option: &str) -> String {
    format!("WSFERRY_{}", option.to_ascii_uppercase().replace('-', "_"))
}

/// A variable as words of a command line, or what was expected of it.
fn words(arg: &Arg, option: &str, value: &OsStr) -> Result<Vec<OsString>, &'static str> {
    let word = |value: &OsStr| {
        let mut word = OsString::from(format!("--{option}="));
        word.push(value);
        word
    };
    match (arg.get_action(), value.to_str()) {
        (ArgAction::SetTrue, value) => {
            match value.unwrap_or_default().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(vec![format!("--{option}").into()]),
                "false" | "0" | "no" | "off" => Ok(Vec::new()),
                _ => Err("true or false: give 1 to switch the option on, 0 to leave it off"),
            }
        }
        (ArgAction::Append, Some(list)) => {
            let separator = if list.contains('\n') { '\n' } else { ',' };
            let items = list.split(separator).map(str::trim).filter(|item| !item.is_empty());
            Ok(items.map(|item| word(item.as_ref())).collect())
        }
        _ => Ok(vec![word(value)]),
    }
}

/// The command line, as far as it decides what the environment may add.
struct Typed<'a> {
    options: Vec<&'a str>,
    addresses: usize,
    has_program: bool,
}

impl<'a> Typed<'a> {
    fn new(command: &'a Command, typed: &ArgMatches) -> Self {
        let is_typed = |id: &str| typed.value_source(id) == Some(ValueSource::CommandLine);
        let options = options(command).filter(|(arg, _)| is_typed(arg.get_id().as_str()));
        Self {
            options: options.map(|(_, option)| option).collect(),
            addresses: typed.get_many::<String>("addresses").map_or(0, |all| all.len()),
            has_program: is_typed("program"),
        }
    }

    fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    /// Whether an option was typed, or another one, or an address, that takes its place.
    fn rules_out(&self, option: &str) -> bool {
        let listens_elsewhere = self.has("inetd") || self.has("unix-listen");
        let has_target = self.addresses > usize::from(!listens_elsewhere);
        let leads_elsewhere =
            has_target || ROUTES.iter().any(|&route| route != option && self.has(route));
        let is_excluded = EXCLUSIVE
            .iter()
            .any(|all| all.contains(&option) && all.iter().any(|&one| self.has(one)));
        self.has(option)
            || is_excluded
            || match option {
                "unix-target" => leads_elsewhere,
                "token-plugin" | "target-config" | "allow-address" => {
                    leads_elsewhere || self.has_program
                }
                "token-source" => {
                    (leads_elsewhere || self.has_program) && !self.has("token-plugin")
                }
                "host-token" => {
                    (leads_elsewhere || self.has_program)
                        && !self.has("token-plugin")
                        && !self.has("target-config")
                }
                "inetd" | "unix-listen" => self.addresses > 1,
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::{Typed as Wsferry, TypedWebsockify};
    use super::*;

    /// Values of every kind: each option takes one of them.
    const VALUES: [&str; 18] = [
        "1",
        "64KiB",
        "20/s",
        "0600",
        "text",
        "exit",
        "after-accept",
        "tlsv1_3",
        "localhost:5000",
        "https://example.com",
        "example.com",
        "X-Name: value",
        "X-Name",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "info",
        "10s",
        "v2",
        "line",
    ];

    fn matches(command: &Command, words: Vec<OsString>) -> Result<ArgMatches, clap::Error> {
        command.clone().try_get_matches_from(words)
    }

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    /// What options are with some variables.
    fn with(
        command: &Command,
        typed: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<ArgMatches, clap::Error> {
        let alone = matches(command, words(typed)).unwrap();
        let variable = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let environment = Environment::read(command, &alone, variable)?;
        matches(command, environment.before(words(typed)))
            .map_err(|error| environment.name_in(error))
    }

    fn raw(matches: &ArgMatches, arg: &Arg) -> Vec<OsString> {
        let values = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
        values.map(OsStr::to_owned).collect()
    }

    #[test]
    fn every_option_can_come_from_the_environment() {
        for command in [Wsferry::command(), TypedWebsockify::command()] {
            for (arg, option) in options(&command) {
                let name = name(option);
                let typed = |value: &&str| match arg.get_action() {
                    ArgAction::SetTrue => format!("--{option}"),
                    _ => format!("--{option}={value}"),
                };
                let (value, by_words) = VALUES
                    .iter()
                    .find_map(|value| {
                        let words = words(&["wsferry", &typed(value)]);
                        Some((*value, matches(&command, words).ok()?))
                    })
                    .unwrap_or_else(|| panic!("none of VALUES is good for --{option}"));
                let by_variable = with(&command, &["wsferry"], &[(&name, value)]).unwrap();
                assert_eq!(raw(&by_variable, arg), raw(&by_words, arg), "{name}={value}");
                let source = by_variable.value_source(arg.get_id().as_str());
                assert_eq!(source, Some(ValueSource::CommandLine), "{name}={value}");
            }
        }
    }

    /// `WSFERRY_PORT`, `WSFERRY_SERVICE_HOST`, `WSFERRY_PORT_27016_TCP_ADDR` and the like; and the
    /// variables of the program itself.
    #[test]
    fn no_option_has_a_variable_that_others_give() {
        let command = Wsferry::command();
        for (_, option) in options(&command) {
            let name = name(option);
            for others in ["PORT", "SERVICE_", "REBIND", "STARTER", "TEST_", "ENV_", "NAME"] {
                assert!(!name.starts_with(&format!("WSFERRY_{others}")), "{name}");
            }
            // Of Services whose names begin with `wsferry-`.
            for others in ["_PORT", "_SERVICE_HOST", "_PROTO", "_ADDR"] {
                assert!(!name.ends_with(others), "{name}");
            }
        }
        let kubernetes = [
            ("WSFERRY_PORT", "tcp://10.0.0.1:27016"),
            ("WSFERRY_SERVICE_HOST", "10.0.0.1"),
            ("WSFERRY_PORT_27016_TCP_PROTO", "tcp"),
            ("WSFERRY_REBIND", "/usr/lib/libwsferry_rebind.so"),
        ];
        let alone = matches(&command, words(&["wsferry"])).unwrap();
        let variable = |name: &str| {
            kubernetes.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.into())
        };
        assert!(Environment::read(&command, &alone, variable).unwrap().is_empty());
    }

    /// A header's value may hold commas.
    #[test]
    fn lists_are_separated_by_line_breaks_where_there_are_some() {
        let command = Wsferry::command();
        let list = [("WSFERRY_ALLOW_ORIGIN", "https://a.example\nhttps://b.example\n")];
        let matches = with(&command, &["wsferry"], &list).unwrap();
        let origins: Vec<_> = matches.get_raw("allow_origin").unwrap().collect();
        assert_eq!(origins, ["https://a.example", "https://b.example"]);
        let error = with(&command, &["wsferry"], &[("WSFERRY_ALLOW_HOST", "a,b\n")]).unwrap_err();
        assert!(error.to_string().contains("'a,b'"), "{error}");
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let command = Wsferry::command();
        let list = [("WSFERRY_ALLOW_HOST", "a.example, b.example,")];
        let matches = with(&command, &["wsferry"], &list).unwrap();
        let hosts: Vec<_> = matches.get_raw("allow_host").unwrap().collect();
        assert_eq!(hosts, ["a.example", "b.example"]);
    }

    #[test]
    fn flags_are_switched_on_and_left_off() {
        let command = Wsferry::command();
        for (value, is_on) in [
            ("1", true),
            ("true", true),
            ("YES", true),
            ("on", true),
            ("0", false),
            ("False", false),
            ("no", false),
            ("off", false),
            ("", false),
        ] {
            let matches = with(&command, &["wsferry"], &[("WSFERRY_VERBOSE", value)]).unwrap();
            assert_eq!(matches.get_flag("verbose"), is_on, "{value:?}");
        }
        let error = with(&command, &["wsferry"], &[("WSFERRY_VERBOSE", "maybe")]).unwrap_err();
        assert!(error.to_string().contains("WSFERRY_VERBOSE: \"maybe\" is not true or false"));
    }

    #[test]
    fn what_was_typed_comes_before_the_environment() {
        let command = Wsferry::command();
        let cases: [(&[&str], &str, &str, &str); 9] = [
            (&["--heartbeat=9"], "WSFERRY_HEARTBEAT", "5", "heartbeat"),
            (&["--allow-host=a"], "WSFERRY_ALLOW_HOST", "b", "allow_host"),
            (&["--unix-target=x"], "WSFERRY_TOKEN_PLUGIN", "TokenFile", "token_plugin"),
            (&["--unix-target=x"], "WSFERRY_TOKEN_SOURCE", "x", "token_source"),
            (&["1", "a:1"], "WSFERRY_UNIX_TARGET", "x", "unix_target"),
            (&["1", "a:1"], "WSFERRY_UNIX_LISTEN", "x", "unix_listen"),
            (&["1", "--", "true"], "WSFERRY_TARGET_CONFIG", "x", "target_config"),
            (&["--inetd", "a:1"], "WSFERRY_ALLOW_ADDRESS", "b:1", "allow_address"),
            (&["--ssl-target-insecure"], "WSFERRY_SSL_TARGET_CAFILE", "x", "ssl_target_cafile"),
        ];
        for (typed, name, value, id) in cases {
            let typed = [&["wsferry"], typed].concat();
            let alone = matches(&command, words(&typed)).unwrap();
            let with = with(&command, &typed, &[(name, value)]).unwrap();
            let raw = |matches: &ArgMatches| -> Option<Vec<OsString>> {
                Some(matches.get_raw(id)?.map(OsStr::to_owned).collect())
            };
            assert_eq!(raw(&with), raw(&alone), "{typed:?} {name}");
        }
    }

    #[test]
    fn a_bad_value_is_told_with_the_name_of_its_variable() {
        let command = Wsferry::command();
        for (name, value) in [("WSFERRY_HEARTBEAT", "soon"), ("WSFERRY_DIAL", "never")] {
            let error = with(&command, &["wsferry"], &[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn a_sentence_about_options_names_the_variables_that_gave_them() {
        let command = Wsferry::command();
        let alone = matches(&command, words(&["wsferry"])).unwrap();
        let variable = |name: &str| (name == "WSFERRY_WEB").then(|| "x".into());
        let environment = Environment::read(&command, &alone, variable).unwrap();
        let told = environment.explain("--web-auth has no effect without --auth-plugin".to_owned());
        assert!(!told.contains("WSFERRY_WEB"), "{told}");
        let told = environment.explain("--web is no directory".to_owned());
        assert!(told.ends_with("The environment has WSFERRY_WEB"), "{told}");
    }
}
