//! Where the shim is that is preloaded into the program.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::StartError;

const FILE: &str = "libwsferry_rebind.so";

/// Where the shim may be, the best place first.
pub(super) fn places() -> Vec<PathBuf> {
    if let Some(told) = env::var_os("WSFERRY_REBIND").filter(|told| !told.is_empty()) {
        return vec![std::path::absolute(&told).unwrap_or_else(|_| told.into())];
    }
    let executable = env::current_exe().unwrap_or_default();
    let folder = executable.parent().unwrap_or(Path::new("/"));
    let prefix = folder.parent().unwrap_or(folder);
    vec![folder.join(FILE), prefix.join("lib/wsferry").join(FILE)]
}

pub(super) fn find(places: Vec<PathBuf>) -> Result<PathBuf, StartError> {
    let Some(path) = places.iter().find(|path| path.is_file()).cloned() else {
        return Err(StartError::ShimMissing { looked_at: places });
    };
    let is_torn = path.as_os_str().as_encoded_bytes().iter().any(|byte| b" \t\n:".contains(byte));
    if is_torn { Err(StartError::ShimPath { path }) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shim_that_is_missing_or_cannot_be_named_is_told_with_what_to_do() {
        let error = find(vec!["/no/such/a.so".into(), "/no/b.so".into()]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("/no/such/a.so or /no/b.so"), "{error}");
        assert!(error.contains("set WSFERRY_REBIND"), "{error}");

        let folder = tempfile::Builder::new().prefix("with blank ").tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "").unwrap();
        let error = find(vec!["/no/such/a.so".into(), path]).unwrap_err().to_string();
        assert!(error.contains("blank or a colon"), "{error}");
    }
}
