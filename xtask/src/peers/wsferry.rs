//! wsferry as it is built here, and variants of it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Kind, Places, Program, Site};
use crate::machine::first_line;
use crate::options::Bench;

/// The name of what is built here.
pub(super) const NAME: &str = "wsferry";

/// Builds wsferry unless another one was named, and reads the variants.
pub(super) fn all(asked: &Bench, places: &Places, commit: &str) -> Result<Vec<Program>> {
    let path = match &asked.wsferry {
        Some(path) => path.canonicalize().with_context(|| format!("{}", path.display()))?,
        None => build(places)?,
    };
    let built = Variant { path: path.clone(), ..Variant::default() };
    let mut programs = vec![built.program(NAME, commit)?];
    for text in &asked.variant {
        let (name, words) = text.split_once('=').with_context(|| {
            format!("{text:?} is not a variant: give one such as 'small=WSFERRY_CHUNK=4096'")
        })?;
        programs.push(Variant::parse(words, &path)?.program(name, commit)?);
    }
    Ok(programs)
}

fn build(places: &Places) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "wsferry", "--target-dir"])
        .arg(&places.target)
        .current_dir(&places.repository)
        .status()?;
    if !status.success() {
        bail!("wsferry does not build");
    }
    Ok(places.target.join("release/wsferry"))
}

#[derive(Default)]
struct Variant {
    environment: Vec<(String, String)>,
    path: PathBuf,
    options: Vec<String>,
}

impl Variant {
    /// `[env] [KEY=VALUE …] [PATH] [--option …]`; without a path it is the same program.
    fn parse(words: &str, path: &std::path::Path) -> Result<Self> {
        let mut variant = Self { path: path.to_owned(), ..Self::default() };
        for word in words.split_whitespace() {
            if !variant.options.is_empty() || word.starts_with('-') {
                variant.options.push(word.to_owned());
            } else if let Some((key, value)) = word.split_once('=') {
                variant.environment.push((key.to_owned(), value.to_owned()));
            } else if word != "env" {
                variant.path = std::path::Path::new(word)
                    .canonicalize()
                    .with_context(|| format!("{word}: no such program"))?;
            }
        }
        Ok(variant)
    }

    fn program(self, name: &str, commit: &str) -> Result<Program> {
        let version = first_line(&self.path.to_string_lossy(), &["--version"])
            .with_context(|| format!("{} does not run", self.path.display()))?;
        let mut version = format!("{} {commit}", version.replace("wsferry ", ""));
        for (key, value) in &self.environment {
            version += &format!(" {key}={value}");
        }
        for option in &self.options {
            version += &format!(" {option}");
        }
        let file = Some(self.path.clone());
        let command = Box::new(move |site: &Site<'_>| {
            let mut command = Command::new(&self.path);
            command.envs(self.environment.iter().map(|(key, value)| (key, value)));
            command.args([site.listen.to_string(), site.target.to_string()]);
            if let Some(tls) = site.tls {
                command.arg("--cert").arg(&tls.certificate).arg("--key").arg(&tls.key);
            }
            command.args(&self.options);
            Ok(command)
        });
        let (name, kind) = (name.to_owned(), Kind::Own);
        Ok(Program { name, kind, version, most_sessions: 9900, speaks_tls: true, file, command })
    }
}
