//! A simpd that other users of the machine share: the sockets of groups, and whom they let in.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use simp_control::{FailureKind, Request};

use crate::harness::{DEADLINE, Daemon, Ran, Raw, TestClient, has_program, is_root, may_open_files, run};
use crate::other_users::Users;

/// ann, who has simpd, and two groups without names, whose ids no other test has at the same time.
struct Shared {
    users: Users,
    ops: u32,
    monitors: u32,
}

impl Shared {
    /// `None` if that cannot be tested here.
    fn new(test: &str) -> Option<Self> {
        if !is_root(test) || !has_program(test, "setpriv") {
            return None;
        }
        let users = Users::new();
        let network = users.ann - 61_000;
        let shared = Self { users, ops: 63_000 + network, monitors: 64_000 + network };
        for name in ["home", "run", "state", "config"] {
            shared.users.folder(shared.users.ann, &format!("{name}-{}", shared.users.ann));
        }
        fs::set_permissions(shared.run(), Permissions::from_mode(0o711)).unwrap();
        Some(shared)
    }

    /// The folder that ann's variable names.
    fn run(&self) -> PathBuf {
        self.users.world.path(&format!("run-{}", self.users.ann))
    }

    /// The folder of the sockets of a group.
    fn folder(&self, group: u32) -> PathBuf {
        self.run().join(format!("simp-{group}"))
    }

    fn socket(&self, group: u32, end: &str) -> PathBuf {
        self.folder(group).join(format!("{}.{end}", self.users.world.address(1)))
    }

    /// A program of a user in these groups, besides one of its own.
    fn command(&self, user: u32, groups: &[u32], program: &str) -> Command {
        let program = match program {
            "simpd" | "simpctl" => self.users.world.path(program).to_str().unwrap().to_owned(),
            other => other.to_owned(),
        };
        let mut command = self.users.world.command("setpriv");
        let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
        let groups = if groups.is_empty() {
            "--clear-groups".to_owned()
        } else {
            format!("--groups={}", groups.join(","))
        };
        command.args([format!("--reuid={user}"), format!("--regid={user}"), groups, program]);
        for (variable, name) in [
            ("HOME", "home"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CONFIG_HOME", "config"),
        ] {
            command.env(variable, self.users.world.path(&format!("{name}-{user}")));
        }
        command.current_dir("/");
        command
    }

    /// simpd of ann, who is in these groups, with these settings.
    fn simpd(&self, groups: &[u32], settings: &str) -> Command {
        let config = self.users.world.path("simpd.toml");
        fs::write(&config, settings).unwrap();
        let mut command = self.command(self.users.ann, groups, "simpd");
        command.args([&self.users.world.address(1), "--user", "ann", "--config"]).arg(config);
        command
    }

    fn settings(&self) -> String {
        format!("socket_group = '{}'\nread_group = '{}'\n", self.ops, self.monitors)
    }

    fn start(&self) -> Daemon {
        let command = self.simpd(&[self.ops, self.monitors], &self.settings());
        Daemon::start(command, self.run().join("simp").join(format!("{}.sock", self.users.world.address(1))))
    }

    /// simpctl of a user in these groups, at this socket.
    fn ctl(&self, user: u32, groups: &[u32], socket: &Path, args: &[&str]) -> Ran {
        let mut command = self.command(user, groups, "simpctl");
        command.arg("-d").arg(socket).args(args);
        run(command, "")
    }

    /// What whoever is not in the group is told who has named its socket.
    fn denied(&self, user: u32, group: u32, socket: &Path) -> String {
        let ann = self.users.ann;
        format!(
            "simpctl: {}: permission denied (this simpd belongs to uid {ann}; only uid {ann}, root and the group {group} \
             may use it; to join: usermod -aG {group} uid {user}, and log in again)",
            socket.display()
        )
    }
}

/// Owner, group and mode.
fn access(path: &Path) -> (u32, u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid(), meta.mode() & 0o777)
}

#[test]
fn members_of_a_group_may_use_a_simpd_and_nobody_else_may() {
    let Some(shared) = Shared::new("members_of_a_group_may_use_a_simpd_and_nobody_else_may") else { return };
    let (ann, mia, eve, ops) = (shared.users.ann, shared.users.eve + 3_000, shared.users.eve, shared.ops);
    let daemon = shared.start();
    let socket = shared.socket(ops, "sock");
    assert_eq!(access(&shared.folder(ops)), (ann, ops, 0o750));
    assert_eq!(access(&socket), (ann, ops, 0o660));
    // That of ann is hers alone, as ever.
    assert_eq!(access(&shared.run().join("simp")), (ann, ann, 0o700));
    assert_eq!(access(&daemon.socket), (ann, ann, 0o600));
    // They find it there by its name.
    let mut command = shared.command(mia, &[ops], "ls");
    command.arg(shared.folder(ops));
    assert_eq!(run(command, "").ok(), format!("{}.sock\n", shared.users.world.address(1)));
    let as_mia = |args: &[&str]| shared.ctl(mia, &[ops], &socket, args);
    assert!(as_mia(&["status"]).ok().contains("user               ann\n"));
    as_mia(&["send", "--queue", "-t", &shared.users.world.address(2), "hi"]).ok();
    // Whoever has the group as the first one is a member too.
    assert_eq!(shared.ctl(ops, &[], &socket, &["outbox", "cancel", "1"]).ok(), "");
    as_mia(&["backup", "-"]).fails(
        1,
        "simpctl: no backup was made: a backup has the private key: only the user of simpd and root can make one (by its \
         own control socket)",
    );
    // eve is not.
    shared.ctl(eve, &[], &socket, &["status"]).fails(3, &shared.denied(eve, ops, &socket));
    shared.ctl(eve, &[shared.monitors], &socket, &["status"]).fails(3, &shared.denied(eve, ops, &socket));
    as_mia(&["stop"]).ok();
    assert_eq!(daemon.wait(), Some(0));
    assert!(!socket.exists() && !shared.socket(shared.monitors, "read.sock").exists());
}

#[test]
fn a_simpd_asks_the_kernel_who_has_come_if_somebody_has_opened_its_socket_to_all() {
    let test = "a_simpd_asks_the_kernel_who_has_come_if_somebody_has_opened_its_socket_to_all";
    let Some(shared) = Shared::new(test).filter(|_| has_program(test, "perl")) else { return };
    let _daemon = shared.start();
    let socket = shared.socket(shared.ops, "sock");
    fs::set_permissions(shared.folder(shared.ops), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    let mut command = shared.command(shared.users.eve, &[], "perl");
    let script = "my $s = IO::Socket::UNIX->new($ARGV[0]); sysread($s, my $told, 999); $told =~ s/[^ -~]/./g; print $told";
    command.args(["-MIO::Socket::UNIX", "-e", script]).arg(&socket);
    let told = run(command, "").ok();
    let line = format!(
        "permission denied: only the user of simpd, root and the group {} may use this socket",
        shared.ops
    );
    assert!(told.contains(&line), "{told}");
    // And simpctl says nothing to a socket that anybody may have put there.
    let (ann, path) = (shared.users.ann, socket.display());
    let line = format!(
        "simpctl: {path}: permission denied (this simpd belongs to uid {ann}; only uid {ann} and root may use it)"
    );
    shared.ctl(shared.users.eve, &[shared.ops], &socket, &["status"]).fails(3, &line);
}

#[test]
fn whoever_may_read_sees_all_and_sends_nothing() {
    let Some(shared) = Shared::new("whoever_may_read_sees_all_and_sends_nothing") else { return };
    let (ann, rob, monitors) = (shared.users.ann, shared.users.eve, shared.monitors);
    let _daemon = shared.start();
    let socket = shared.socket(monitors, "read.sock");
    assert_eq!(access(&shared.folder(monitors)), (ann, monitors, 0o750));
    assert_eq!(access(&socket), (ann, monitors, 0o660));
    let to = shared.users.world.address(2);
    let mut command = shared.command(ann, &[], "simpctl");
    command.args(["send", "--queue", "-t", &to, "hi"]);
    run(command, "").ok();
    let as_rob = |args: &[&str]| shared.ctl(rob, &[monitors], &socket, args);
    assert_eq!(as_rob(&["status", "--check"]).ok(), "");
    assert!(as_rob(&["status", "--prometheus"]).ok().contains("simp_outbox_messages{"));
    assert!(as_rob(&["history", "--all"]).ok().contains(": hi"));
    assert!(as_rob(&["listen", "--all", "--since", "1h", "-n", "1"]).ok().contains(": hi"));
    let only = "this socket is only for reading";
    let changes = format!("simpctl: {only} (use the control socket of simpd, if you may)");
    as_rob(&["send", "--queue", "-t", &to, "hi"]).fails(1, &changes);
    as_rob(&["outbox", "cancel", "1"]).fails(1, &changes);
    as_rob(&["stop"]).fails(1, &changes);
    let consumer =
        format!("simpctl: {only}, and the mark of a consumer moves (without one: simpctl listen --since T)");
    as_rob(&["listen"]).fails(1, &consumer);
    assert_eq!(as_rob(&["consumers"]).ok(), "");
    let ops = shared.socket(shared.ops, "sock");
    shared.ctl(rob, &[monitors], &ops, &["status"]).fails(3, &shared.denied(rob, shared.ops, &ops));
    // Nor may root or ann send there: whoever is given its path relies on that.
    let mut root = TestClient::connect(&socket);
    let line = "this socket is only for reading (use the control socket of simpd, if you may)";
    root.fails(&Request::Stop, FailureKind::Failed, line);
    assert_eq!(root.status().outbox, 1);
}

#[test]
fn however_many_members_come_the_user_gets_in() {
    let test = "however_many_members_come_the_user_gets_in";
    let Some(shared) = Shared::new(test).filter(|_| may_open_files(test, 2_048)) else { return };
    let daemon = shared.start();
    let socket = shared.socket(shared.monitors, "read.sock");
    let _readers: Vec<Raw> = (0..768).map(|_| Raw::connect(&socket)).collect();
    let line = "the limit of 768 clients is reached (close some of them)".to_owned();
    assert_eq!(Raw::connect(&socket).dismissed(), (FailureKind::Failed, line));
    assert!(daemon.client().status().clients > 768);
}

#[test]
fn the_sockets_of_groups_are_made_again_as_they_were() {
    let Some(shared) = Shared::new("the_sockets_of_groups_are_made_again_as_they_were") else { return };
    let (ann, ops, monitors) = (shared.users.ann, shared.ops, shared.monitors);
    let daemon = shared.start();
    let mut client = daemon.client();
    let all = [shared.socket(ops, "sock"), shared.socket(monitors, "read.sock"), daemon.socket.clone()];
    for folder in [shared.folder(ops), shared.folder(monitors), daemon.socket.parent().unwrap().to_owned()] {
        fs::remove_dir_all(folder).unwrap();
    }
    client.status_when(|_| all.iter().all(|socket| socket.exists()));
    // They are there a moment before they have their modes.
    let is_so = |path: &Path, expected| {
        let deadline = std::time::Instant::now() + DEADLINE;
        while access(path) != expected && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(access(path), expected);
    };
    is_so(&all[0], (ann, ops, 0o660));
    is_so(&all[1], (ann, monitors, 0o660));
    is_so(&all[2], (ann, ann, 0o600));
    assert_eq!(access(&shared.folder(ops)), (ann, ops, 0o750));
    assert!(shared.ctl(shared.users.eve, &[ops], &all[0], &["status"]).ok().contains("ann\n"));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
}

#[test]
fn what_keeps_a_group_out_is_told_at_the_start_with_the_remedy() {
    let Some(shared) = Shared::new("what_keeps_a_group_out_is_told_at_the_start_with_the_remedy") else {
        return;
    };
    let (ops, folder) = (shared.ops, shared.folder(shared.ops));
    let settings = format!("socket_group = '{ops}'");
    let start = |groups: &[u32]| run(shared.simpd(groups, &settings), "");
    let line = |what: &str| format!("simpd: {}: {what}", folder.display());
    start(&[]).fails(
        1,
        &line(&format!(
            "cannot be given to the group {ops}, of which this user is no member (usermod -aG {ops} USER, or \
             SupplementaryGroups={ops} in the service of systemd)"
        )),
    );
    assert_eq!(fs::symlink_metadata(&folder).unwrap_err().kind(), io::ErrorKind::NotFound, "nothing is left");
    fs::create_dir(&folder).unwrap();
    start(&[ops])
        .fails(1, &line("this folder belongs to another user (set XDG_RUNTIME_DIR to a folder of yours)"));
    std::os::unix::fs::chown(&folder, Some(shared.users.ann), None).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let path = folder.display();
    start(&[ops]).fails(
        1,
        &line(&format!("this folder must be closed to all but you and the group {ops} (chmod 750 {path})")),
    );
    fs::remove_dir(&folder).unwrap();
    fs::set_permissions(shared.run(), Permissions::from_mode(0o700)).unwrap();
    start(&[ops]).fails(
        1,
        &format!(
            "simpd: {}: the group {ops} cannot pass through this folder (chmod it, or set XDG_RUNTIME_DIR to a folder that \
             it can)",
            shared.run().display()
        ),
    );
}
