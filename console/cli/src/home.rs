//! What `powerjob login` remembers: server, token, default application.
//!
//! The file is for its owner only (mode 0600); looser modes are refused, because whoever reads the
//! token is that person.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use powerjob_common::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The remembered sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignInFile {
    /// Addresses of the servers, separated by commas.
    pub(crate) server: String,
    /// Who signed in.
    pub(crate) account: String,
    /// The token.
    pub(crate) token: Secret<String>,
    /// When the token ends, epoch milliseconds.
    pub(crate) expires_at: i64,
    /// The application that commands mean when none is named.
    pub(crate) app: Option<String>,
}

/// The file's form; apart from [`SignInFile`], because a secret is not serialised by accident.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    server: String,
    account: String,
    token: String,
    expires_at: i64,
    app: Option<String>,
}

/// The folder of our files: `$POWERJOB_HOME`, else `powerjob` in the user's folder for settings.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    folder: PathBuf,
}

impl Home {
    /// Finds the folder from the environment.
    pub(crate) fn find() -> Result<Self, Failure> {
        let folder = |name: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        let folder = folder("POWERJOB_HOME")
            .or_else(|| folder("XDG_CONFIG_HOME").map(|base| base.join("powerjob")))
            .or_else(|| folder("HOME").map(|base| base.join(".config/powerjob")));
        folder
            .map(Self::at)
            .ok_or_else(|| Failure::local("neither POWERJOB_HOME nor HOME is set"))
    }

    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the sign-in is kept.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("token.toml")
    }

    /// Reads the sign-in; `None` when nobody signed in.
    pub(crate) fn load(&self) -> Result<Option<SignInFile>, Failure> {
        let path = self.file();
        if !path.exists() {
            return Ok(None);
        }
        refuse_loose_mode(&path)?;
        let text = fs::read_to_string(&path).map_err(Failure::io(path.display()))?;
        // the message must not quote the file: it holds the token
        let stored: Stored = toml::from_str(&text).map_err(|_| {
            let path = path.display();
            Failure::local(format!("{path} is damaged; run `powerjob login`"))
        })?;
        Ok(Some(SignInFile {
            server: stored.server,
            account: stored.account,
            token: Secret::new(stored.token),
            expires_at: stored.expires_at,
            app: stored.app,
        }))
    }

    /// Writes the sign-in in one step, readable by the owner only.
    pub(crate) fn save(&self, sign_in: &SignInFile) -> Result<(), Failure> {
        let stored = Stored {
            server: sign_in.server.clone(),
            account: sign_in.account.clone(),
            token: sign_in.token.expose().clone(),
            expires_at: sign_in.expires_at,
            app: sign_in.app.clone(),
        };
        let text = toml::to_string(&stored)
            .map_err(|error| Failure::local(format!("cannot write the sign-in: {error}")))?;
        let failed = || Failure::io(self.file().display().to_string());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(failed())?;
        let draft = self
            .folder
            .join(format!("token.{}.new", std::process::id()));
        write_private(&draft, &text).map_err(failed())?;
        fs::rename(&draft, self.file()).map_err(failed())
    }

    /// Forgets the sign-in.
    pub(crate) fn forget(&self) -> Result<(), Failure> {
        match fs::remove_file(self.file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::io(self.file().display())(error))
            }
            _ => Ok(()),
        }
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn refuse_loose_mode(path: &Path) -> Result<(), Failure> {
    let metadata = fs::metadata(path).map_err(Failure::io(path.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Failure::local(format!(
        "{path} has mode {mode:03o}, so others can read your token; run `chmod 600 {path}` and \
         `powerjob login`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in() -> SignInFile {
        SignInFile {
            server: "http://127.0.0.1:7700".to_owned(),
            account: "admin".to_owned(),
            token: Secret::new("hush".to_owned()),
            expires_at: 5,
            app: Some("demo".to_owned()),
        }
    }

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().expect("folder");
        let home = Home::at(folder.path().join("settings"));
        (folder, home)
    }

    #[test]
    fn a_sign_in_is_kept_for_its_owner_only() {
        let (_folder, home) = home();
        assert_eq!(home.load().expect("nothing"), None);
        home.save(&sign_in()).expect("saved");
        let mode = fs::metadata(home.file())
            .expect("file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(home.load().expect("read"), Some(sign_in()));
        home.forget().expect("gone");
        home.forget().expect("twice does no harm");
        assert_eq!(home.load().expect("nothing"), None);
    }

    #[test]
    fn looser_modes_are_refused_with_advice() {
        let (_folder, home) = home();
        home.save(&sign_in()).expect("saved");
        for mode in [0o640, 0o604, 0o644, 0o660] {
            fs::set_permissions(home.file(), fs::Permissions::from_mode(mode)).expect("mode");
            let refused = home.load().expect_err("refused").to_string();
            assert!(refused.contains("chmod 600"), "{mode:o}: {refused}");
        }
    }

    #[test]
    fn saving_tightens_a_loose_file() {
        let (_folder, home) = home();
        home.save(&sign_in()).expect("saved");
        fs::set_permissions(home.file(), fs::Permissions::from_mode(0o644)).expect("mode");
        home.save(&sign_in()).expect("saved");
        assert!(home.load().is_ok());
    }

    #[test]
    fn a_damaged_file_is_not_quoted() {
        let (_folder, home) = home();
        home.save(&sign_in()).expect("saved");
        write_private(&home.file(), "token = \"hush\"\nserver = ").expect("written");
        let refused = home.load().expect_err("damaged").to_string();
        assert!(!refused.contains("hush"), "{refused}");
    }
}
