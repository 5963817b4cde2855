//! The names of websockify's plug-ins → settings of the rooms that do their work. Their Python paths
//! are names too, as in `websockify.token_plugins.TokenFile`.

use std::path::Path;

use super::error::{ConfigError, Spelling};
use crate::auth::{BasicHTTPAuth, ClientCertCNAuth, ExpectOrigin, PluginSettings};
use crate::token;
use crate::token::http::Format;

const TOKEN_PLUGINS: &str = "TokenFile, ReadOnlyTokenFile, TokenFileName, JWTTokenApi, \
     BaseTokenAPI, JSONTokenApi, TokenRedis, UnixDomainSocketDirectory";
const AUTH_PLUGINS: &str = "BasicHTTPAuth, ExpectOrigin, ClientCertCNAuth, HttpAuth";
const OWN: &str = "Python classes are not loaded: own logic goes behind a URL (HttpAuth), into \
     signed tokens (JWTTokenApi) or into Redis (TokenRedis)";

/// Reads `--token-plugin` and `--token-source`.
///
/// # Errors
/// One sentence that names what is wrong.
pub fn token(
    class: &str,
    source: Option<&str>,
    folder: &Path,
    spelling: Spelling,
) -> Result<token::Settings, ConfigError> {
    let source = |expected: &str| {
        let (plugin, needed) = (spelling.of("token-plugin"), spelling.of("token-source"));
        source.ok_or_else(|| ConfigError(format!("{plugin} {class} needs {needed}: {expected}")))
    };
    let path = |expected| {
        let path = folder.join(source(expected)?);
        Ok::<_, ConfigError>(std::path::absolute(&path).unwrap_or(path))
    };
    Ok(match name(class, "token_plugins.") {
        "TokenFile" => token::Settings::File(path("a file, or a directory of files")?),
        "ReadOnlyTokenFile" => {
            token::Settings::ReadOnlyFile(path("a file, or a directory of files")?)
        }
        "TokenFileName" => token::Settings::FileName(path("a directory")?),
        "UnixDomainSocketDirectory" => token::Settings::Sockets(path("a directory")?),
        "JWTTokenApi" => token::Settings::Jwt(path("a file with a key")?),
        "BaseTokenAPI" => http(source("a URL with %s")?, Format::Text)?,
        "JSONTokenApi" => http(source("a URL with %s")?, Format::Json)?,
        "TokenRedis" => {
            let server = source("a server, such as localhost:6379")?;
            let settings = server.parse::<token::redis::Settings>();
            token::Settings::Redis(settings.map_err(|error| ConfigError(error.to_string()))?)
        }
        _ => return Err(unknown(&spelling.of("token-plugin"), class, TOKEN_PLUGINS)),
    })
}

fn http(pattern: &str, format: Format) -> Result<token::Settings, ConfigError> {
    let pattern = pattern.parse::<token::http::UrlPattern>();
    let pattern = pattern.map_err(|error| ConfigError(error.to_string()))?;
    Ok(token::Settings::Http(pattern, format))
}

/// Reads `--auth-plugin` and `--auth-source`.
///
/// # Errors
/// One sentence that names what is wrong.
pub fn auth(
    class: &str,
    source: Option<&str>,
    spelling: Spelling,
) -> Result<PluginSettings, ConfigError> {
    let source = |expected: &str| {
        let (plugin, needed) = (spelling.of("auth-plugin"), spelling.of("auth-source"));
        source.ok_or_else(|| ConfigError(format!("{plugin} {class} needs {needed}: {expected}")))
    };
    Ok(match name(class, "auth_plugins.") {
        "BasicHTTPAuth" => {
            let auth = BasicHTTPAuth::new(source("user:password")?);
            PluginSettings::Basic(auth.map_err(|error| ConfigError(error.to_string()))?)
        }
        "ExpectOrigin" => {
            let origins = source("origins, such as https://example.com, with blanks between")?;
            PluginSettings::Origin(ExpectOrigin::new(origins))
        }
        "ClientCertCNAuth" => {
            let names = source("common names, with blanks between")?;
            PluginSettings::Certificate(ClientCertCNAuth::new(names))
        }
        "HttpAuth" => {
            let url = source("a URL, such as http://localhost:8000/check")?;
            let url = url.parse::<crate::auth::http::Settings>();
            PluginSettings::Http(url.map_err(|error| ConfigError(error.to_string()))?)
        }
        _ => return Err(unknown(&spelling.of("auth-plugin"), class, AUTH_PLUGINS)),
    })
}

/// The name of a class without the module that it is in.
fn name<'a>(class: &'a str, module: &str) -> &'a str {
    let path = class.strip_prefix("websockify.").unwrap_or(class);
    path.strip_prefix(module).unwrap_or(class)
}

fn unknown(option: &str, class: &str, all: &str) -> ConfigError {
    let lower = class.to_ascii_lowercase();
    let distance = |name: &&str| strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase());
    let alike = all.split(", ").min_by_key(distance).filter(|name| distance(name) <= 3);
    let hint = alike.map(|name| format!(" Did you mean {name}?")).unwrap_or_default();
    ConfigError(format!("there is no {option} {class:?}.{hint} There are {all}. {OWN}"))
}

#[cfg(test)]
mod tests {
    use super::{Path, Spelling, auth, token};

    #[test]
    fn a_plugin_that_was_not_written_quite_right_is_told() {
        for (class, meant) in [
            ("TokenFle", "TokenFile"),
            ("tokenredis", "TokenRedis"),
            ("JSONTokenAPI", "JSONTokenApi"),
            ("ReadOnlyTokenFiles", "ReadOnlyTokenFile"),
        ] {
            let said = token(class, Some("x"), Path::new("/"), Spelling::Options).unwrap_err();
            let said = said.to_string();
            assert!(said.contains(&format!("Did you mean {meant}?")), "{said}");
        }
        let said = |class| auth(class, Some("a:b"), Spelling::Options).unwrap_err().to_string();
        assert!(said("BasicHttpAuth").contains("Did you mean BasicHTTPAuth?"));
        assert!(!said("own.Class").contains("Did you mean"));
    }
}
