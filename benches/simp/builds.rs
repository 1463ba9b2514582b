//! Which programs are measured: those of this build, and others that they are compared with.

use std::ffi::OsString;
use std::path::PathBuf;

/// What the same contender is called that has the programs of before.
pub fn before(name: &str) -> String {
    format!("{name}, before")
}

/// One build of our programs.
#[derive(Debug, Clone)]
pub struct Build {
    /// Where those of before are; ours are where cargo has put them.
    before: Option<PathBuf>,
}

impl Build {
    /// The environment variable that names the folder with the programs of before.
    pub const BEFORE: &str = "SIMP_BASE";

    /// Ours.
    pub fn now() -> Self {
        Self { before: None }
    }

    /// All that are compared: those of before, if there are any, and ours.
    pub fn all() -> Vec<Self> {
        let before = std::env::var_os(Self::BEFORE).filter(|folder| !folder.is_empty());
        let before = before.map(|folder: OsString| Self { before: Some(folder.into()) });
        before.into_iter().chain([Self::now()]).collect()
    }

    /// What a contender of it is called.
    pub fn called(&self, name: &str) -> String {
        if self.is_now() { name.to_owned() } else { before(name) }
    }

    /// Whether it is ours.
    pub fn is_now(&self) -> bool {
        self.before.is_none()
    }

    /// Its simpd.
    pub fn simpd(&self) -> PathBuf {
        self.program("simpd", env!("CARGO_BIN_EXE_simpd"))
    }

    /// Its simpctl.
    pub fn simpctl(&self) -> PathBuf {
        self.program("simpctl", env!("CARGO_BIN_EXE_simpctl"))
    }

    /// Its static simpctl, if that of before is there. Ours is not one that cargo has built.
    pub fn static_simpctl(&self) -> Option<PathBuf> {
        self.before.as_ref().map(|folder| folder.join("simpctl-static")).filter(|program| program.exists())
    }

    /// Its simp-room.
    pub fn room(&self) -> PathBuf {
        self.program("simp-room", env!("CARGO_BIN_EXE_simp-room"))
    }

    fn program(&self, name: &str, ours: &str) -> PathBuf {
        self.before.as_ref().map_or_else(|| ours.into(), |folder| folder.join(name))
    }
}
