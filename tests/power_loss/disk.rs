//! A disk as POSIX promises it and no better: what was written is there after a loss of power once the file was
//! synced, a name once its folder was. Of the rest anything may be there.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::trace::{Call, Record};
use crate::harness::Random;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// Flags of a record that opens, as in `trace.c`.
const CREATED: u64 = 1;
const TRUNCATED: u64 = 2;

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// Nothing of it is there.
    Lost,
    /// Some of it is, of writes only some sectors, in any order.
    Torn,
    /// All of it is.
    Kept,
}

/// A change to a file.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Write(u64, &'a [u8]),
    Resize(u64),
}

impl Change<'_> {
    fn apply(self, content: &mut Vec<u8>) {
        match self {
            Self::Write(at, bytes) => {
                let end = at as usize + bytes.len();
                content.resize(content.len().max(end), 0);
                content[at as usize..end].copy_from_slice(bytes);
            }
            Self::Resize(length) => content.resize(length as usize, 0),
        }
    }

    /// The same as changes that the disk makes whole.
    fn sectors(self) -> Vec<Self> {
        let Self::Write(mut at, mut bytes) = self else { return vec![self] };
        let mut sectors = Vec::new();
        while !bytes.is_empty() {
            let (sector, rest) = bytes.split_at(bytes.len().min((SECTOR - at % SECTOR) as usize));
            sectors.push(Self::Write(at, sector));
            at += sector.len() as u64;
            bytes = rest;
        }
        sectors
    }
}

/// A file or a folder, whatever its name is.
#[derive(Debug, Default)]
struct Node<'a> {
    is_folder: bool,
    synced: Vec<u8>,
    since: Vec<Change<'a>>,
}

impl Node<'_> {
    fn sync(&mut self) {
        for change in self.since.drain(..) {
            change.apply(&mut self.synced);
        }
    }

    fn after_power_loss(&self, unsynced: Unsynced, random: &mut Random) -> Vec<u8> {
        let mut content = self.synced.clone();
        let mut changes = match unsynced {
            Unsynced::Lost => Vec::new(),
            Unsynced::Kept => self.since.clone(),
            Unsynced::Torn => {
                let (whole, sector) = ([10, 50, 95][random.index(3)], [30, 70, 100][random.index(3)]);
                let there: Vec<_> = self.since.iter().filter(|_| random.percent(whole)).collect();
                let sectors = there.into_iter().flat_map(|change| change.sectors());
                sectors.filter(|_| random.percent(sector)).collect()
            }
        };
        if unsynced == Unsynced::Torn && random.percent(50) {
            for last in (1..changes.len()).rev() {
                changes.swap(last, random.index(last + 1));
            }
        }
        for change in changes {
            change.apply(&mut content);
        }
        content
    }
}

/// What a name stands for: as of the last time its folder was synced, then as it was changed since.
#[derive(Debug, Default)]
struct Name {
    synced: Option<usize>,
    since: Vec<Option<usize>>,
}

/// The folder of the traced process, with all that was ever in it. Names are relative to it.
pub struct Disk<'a> {
    root: PathBuf,
    nodes: Vec<Node<'a>>,
    names: BTreeMap<PathBuf, Name>,
    /// By descriptor, with the name it was opened by.
    open: HashMap<i32, (usize, PathBuf)>,
}

impl<'a> Disk<'a> {
    /// An empty folder.
    pub fn new(root: &Path) -> Self {
        let folder = Node { is_folder: true, ..Node::default() };
        let name = Name { synced: Some(0), since: Vec::new() };
        Self {
            root: root.to_owned(),
            nodes: vec![folder],
            names: [(PathBuf::new(), name)].into(),
            open: HashMap::new(),
        }
    }

    /// The process did this.
    pub fn apply(&mut self, record: &Record<'a>) {
        match record.call {
            Call::Begins => self.open.clear(),
            Call::Opens => {
                let name = self.name(record.bytes);
                if record.number & CREATED != 0 {
                    self.add(name.clone(), Node::default());
                }
                let node = self.now(&name).expect("a file that nobody made was opened");
                if record.number & TRUNCATED != 0 {
                    self.nodes[node].since.push(Change::Resize(0));
                }
                self.open.insert(record.descriptor, (node, name));
            }
            Call::Closes => {
                self.open.remove(&record.descriptor);
            }
            Call::Writes => self.change(record, Change::Write(record.number, record.bytes)),
            Call::Resizes => self.change(record, Change::Resize(record.number)),
            Call::Syncs => self.sync(record.descriptor),
            Call::Makes => self.add(self.name(record.bytes), Node { is_folder: true, ..Node::default() }),
            Call::Removes => self.set(self.name(record.bytes), None),
            Call::Renames | Call::Links => {
                let (old, new) =
                    record.bytes.split_at(record.bytes.iter().position(|byte| *byte == 0).unwrap());
                let (old, new) = (self.name(old), self.name(&new[1..]));
                self.set(new, self.now(&old));
                if record.call == Call::Renames {
                    self.set(old, None);
                }
            }
            Call::Datagram | Call::Stream => {}
        }
    }

    /// Whether the process changed a file with this name and did not sync it since.
    pub fn is_being_changed(&self, name: &Path) -> bool {
        self.now(name).is_some_and(|node| !self.nodes[node].since.is_empty())
    }

    /// What is there after a loss of power now.
    pub fn after_power_loss(&self, unsynced: Unsynced, random: &mut Random) -> Image {
        let mut image = Image(BTreeMap::new());
        for (path, name) in &self.names {
            let since = match unsynced {
                Unsynced::Lost => 0,
                Unsynced::Torn => random.index(name.since.len() + 1),
                Unsynced::Kept => name.since.len(),
            };
            let node = if since == 0 { name.synced } else { name.since[since - 1] };
            let is_reachable = path.parent().is_none_or(|folder| image.0.contains_key(folder));
            let Some(node) = node.map(|node| &self.nodes[node]).filter(|_| is_reachable) else { continue };
            let content = (!node.is_folder).then(|| node.after_power_loss(unsynced, random));
            image.0.insert(path.clone(), content);
        }
        image
    }

    fn change(&mut self, record: &Record<'_>, change: Change<'a>) {
        let (node, _) = self.open[&record.descriptor];
        self.nodes[node].since.push(change);
    }

    fn sync(&mut self, descriptor: i32) {
        let (node, path) = &self.open[&descriptor];
        self.nodes[*node].sync();
        // Names are a folder's content.
        for (_, name) in self.names.iter_mut().filter(|(name, _)| name.parent() == Some(path)) {
            name.synced = name.since.pop().unwrap_or(name.synced);
            name.since.clear();
        }
    }

    fn name(&self, path: &[u8]) -> PathBuf {
        Path::new(OsStr::from_bytes(path)).strip_prefix(&self.root).unwrap().to_owned()
    }

    fn now(&self, name: &Path) -> Option<usize> {
        self.names.get(name).and_then(|name| name.since.last().copied().unwrap_or(name.synced))
    }

    fn add(&mut self, name: PathBuf, node: Node<'a>) {
        self.nodes.push(node);
        self.set(name, Some(self.nodes.len() - 1));
    }

    fn set(&mut self, name: PathBuf, node: Option<usize>) {
        self.names.entry(name).or_default().since.push(node);
    }
}

/// What is found on the disk: files with their content, and folders.
pub struct Image(BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Image {
    /// Makes one folder of it, if it is there, as `to`; nothing of what was `to` before stays.
    pub fn write(&self, folder: &Path, to: &Path) {
        let _ = fs::remove_dir_all(to);
        for (name, content) in &self.0 {
            let Ok(name) = name.strip_prefix(folder) else { continue };
            match content {
                // No file of simpd's is for others.
                Some(content) => {
                    let mut file = File::options();
                    file.write(true).create_new(true).mode(0o600);
                    file.open(to.join(name)).unwrap().write_all(content).unwrap();
                }
                None => DirBuilder::new().recursive(true).mode(0o700).create(to.join(name)).unwrap(),
            }
        }
    }
}
