//! What another user of the machine leaves in our way: sockets, folders, and variables of ours that name theirs.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::harness::{Daemon, World, is_root, run};

/// Two users without names, whose ids no other test has at the same time.
pub(crate) struct Users {
    pub(crate) world: World,
    pub(crate) ann: u32,
    pub(crate) eve: u32,
}

impl Users {
    pub(crate) fn new() -> Self {
        let world = World::new();
        fs::set_permissions(world.path(""), Permissions::from_mode(0o755)).unwrap();
        let network: u32 = world.address(0).split('.').nth(2).unwrap().parse().unwrap();
        for program in
            [env!("CARGO_BIN_EXE_simpd"), env!("CARGO_BIN_EXE_simpctl"), env!("CARGO_BIN_EXE_simp-room")]
        {
            // By another program: one that is started meanwhile elsewhere would hold the copy open for writing.
            let mut cp = world.command("cp");
            cp.args([Path::new(program), &world.path("")]);
            run(cp, "").ok();
        }
        Self { world, ann: 61_000 + network, eve: 62_000 + network }
    }

    /// A folder of this user.
    pub(crate) fn folder(&self, user: u32, name: &str) -> PathBuf {
        let path = self.world.path(name);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        chown(&path, Some(user), Some(user)).unwrap();
        path
    }

    /// A program of this user, with folders of its own.
    fn command(&self, user: u32, program: &str) -> Command {
        let mut command = self.world.command(self.world.path(program).to_str().unwrap());
        for (variable, name) in [
            ("HOME", "home"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CONFIG_HOME", "config"),
        ] {
            command.env(variable, self.folder(user, &format!("{name}-{user}")));
        }
        command.uid(user).gid(user).current_dir("/");
        command
    }
}

/// Makes this the user's, with this mode.
fn give(path: &Path, user: u32, mode: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nothing_is_said_to_a_socket_of_another_user() {
    if !is_root("nothing_is_said_to_a_socket_of_another_user") {
        return;
    }
    let users = Users::new();
    let (ann, eve, address) = (users.ann, users.eve, users.world.address(1));
    let name = format!("{address}.sock");
    let made = users.world.path(&format!("run-{eve}/simp"));
    let mut command = users.command(eve, "simpd");
    command.args([&address, "--user", "eve"]);
    let _eve = Daemon::start(command, made.join(&name));
    let line = |path: &Path| {
        let path = path.display();
        format!(
            "simpctl: {path}: belongs to uid {eve}, so nothing was sent there (set XDG_RUNTIME_DIR to a folder of \
             yours)"
        )
    };
    // Where ann's programs look if no variable says where: eve was there first, and has opened it to all.
    let usual = PathBuf::from(format!("/tmp/simp-{ann}"));
    let _ = fs::remove_dir_all(&usual);
    fs::rename(made, &usual).unwrap();
    give(&usual, eve, 0o755);
    give(&usual.join(&name), eve, 0o777);
    let mut command = users.command(ann, "simpctl");
    command.args(["send", "--no-wait", "secret"]).env_remove("XDG_RUNTIME_DIR");
    run(command, "").fails(3, &line(&usual));

    // Even in a folder and with a socket of ann's it is eve who listens.
    let folder = users.world.path(&format!("run-{ann}/simp"));
    let socket = folder.join(&name);
    fs::rename(&usual, &folder).unwrap();
    let send = |daemon: &str| {
        let mut command = users.command(ann, "simpctl");
        command.args(["-d", daemon, "send", "--no-wait", "secret"]);
        run(command, "")
    };
    give(&folder, ann, 0o700);
    send(&address).fails(3, &line(&socket));
    give(&socket, ann, 0o600);
    send(&address).fails(3, &line(&socket));
    // One that is named by its path is a simpd of somebody else's, as far as anybody knows.
    let path = socket.to_str().unwrap();
    let denied =
        format!("permission denied (this simpd belongs to uid {eve}; only uid {eve} and root may use it)");
    send(path).fails(3, &format!("simpctl: {path}: {denied}"));
    // Root may mean that one.
    give(&folder, eve, 0o700);
    give(&socket, eve, 0o600);
    let mut command = users.world.command("simpctl");
    command.args(["-d", path, "status"]);
    let status = run(command, "").ok();
    assert!(
        status.contains("user               eve\n") && status.contains("last_id            0\n"),
        "{status}"
    );
}

#[test]
fn nothing_is_said_to_a_room_of_another_user() {
    if !is_root("nothing_is_said_to_a_room_of_another_user") {
        return;
    }
    let users = Users::new();
    let folder = users.folder(users.eve, &format!("run-{}/simp-room", users.ann));
    let listener = UnixListener::bind(folder.join("lobby.sock")).unwrap();
    give(&folder, users.eve, 0o755);
    give(&folder.join("lobby.sock"), users.eve, 0o777);
    for args in [&["say", "secret"][..], &["say", "--name", "lobby", "secret"]] {
        let mut command = users.command(users.ann, "simp-room");
        command.args(args);
        let line = format!(
            "simp-room: {}: belongs to uid {}, so nothing was sent there (set XDG_RUNTIME_DIR to a folder of yours)",
            folder.display(),
            users.eve
        );
        run(command, "").fails(3, &line);
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn variables_that_name_folders_of_another_user_count_as_not_set() {
    if !is_root("variables_that_name_folders_of_another_user_count_as_not_set") {
        return;
    }
    let users = Users::new();
    let (ann, address) = (users.ann, users.world.address(1));
    // As `su` and `sudo -E` leave them: ann's programs have the variables of eve.
    let as_eve = |program: &str, home: u32| {
        let mut command = users.command(users.eve, program);
        command.uid(ann).gid(ann).env("HOME", users.folder(home, &format!("home-{home}")));
        command
    };
    fs::write(users.folder(users.eve, &format!("config-{}", users.eve)).join("simp"), "no folder").unwrap();
    let folder = |name: &str| users.world.path(&format!("{name}-{}", users.eve));
    let ignored = |variable: &str, name: &str| {
        format!("{variable} is ignored: {} belongs to uid {}", folder(name).display(), users.eve)
    };
    let usual = PathBuf::from(format!("/tmp/simp-{ann}"));
    let _ = fs::remove_dir_all(&usual);
    let mut command = as_eve("simpd", ann);
    command.args([&address, "--user", "ann"]);
    let daemon = Daemon::start(command, usual.join(format!("{address}.sock")));
    let said: Vec<String> = daemon.log().lines().take(3).map(str::to_owned).collect();
    let runtime = ignored("XDG_RUNTIME_DIR", "run");
    let lines = [runtime.clone(), ignored("XDG_STATE_HOME", "state"), ignored("XDG_CONFIG_HOME", "config")];
    assert_eq!(said, lines.map(|line| format!("simpd: {line}")));
    for name in ["run", "state"] {
        assert_eq!(fs::read_dir(folder(name)).unwrap().count(), 0, "{name}");
    }
    assert!(users.world.path(&format!("home-{ann}/.local/state/simp/{address}/log.db")).exists());
    let mut command = as_eve("simpctl", ann);
    command.args(["-d", &address, "status"]);
    assert!(run(command, "").ok().contains("user               ann\n"));
    // If none is named, that of eve may be meant.
    let mut command = as_eve("simpctl", ann);
    command.args(["chats"]);
    let said = run(command, "");
    let state_line = ignored("XDG_STATE_HOME", "state");
    assert_eq!((said.status, said.stderr), (Some(0), format!("simpctl: {runtime}\nsimpctl: {state_line}\n")));
    // That it is eve's simpd that was meant, perhaps, is said if there is none.
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait(), Some(0));
    let mut command = as_eve("simpctl", ann);
    command.args(["-d", &address, "status"]);
    let socket = usual.join(format!("{address}.sock"));
    let line = format!(
        "simpctl: {}: simpd is not running (start it with: simpctl start {address}); {runtime}",
        socket.display()
    );
    run(command, "").fails(3, &line);
    // What is in the folder of the configuration says nothing of where a simpd is.
    let mut command = users.command(ann, "simpctl");
    command.arg("status").env("XDG_CONFIG_HOME", folder("config"));
    run(command, "").fails(3, "simpctl: simpd is not running (start it with: simpctl start)");
    // Nor is anything made in her home; that of ann is in no list.
    let mut command = as_eve("simpd", users.eve);
    command.args([&address, "--user", "ann"]);
    let failed = run(command, "");
    let line = "simpd: neither XDG_STATE_HOME nor HOME is set (set one, for the folder of the log)\n";
    assert!(failed.stderr.ends_with(line) && failed.stderr.contains("HOME is ignored: "), "{failed:?}");
    assert_eq!(fs::read_dir(folder("home")).unwrap().count(), 0);
    fs::remove_dir_all(&usual).unwrap();
}

#[test]
fn a_folder_that_no_socket_can_be_made_in_is_named_with_the_remedy() {
    if !is_root("a_folder_that_no_socket_can_be_made_in_is_named_with_the_remedy") {
        return;
    }
    let users = Users::new();
    let folder = users.folder(users.ann, &format!("run-{}/simp", users.ann));
    give(&folder, users.ann, 0o500);
    let mut command = users.command(users.ann, "simpd");
    command.args([&users.world.address(1), "--user", "ann"]);
    let socket = folder.join(format!("{}.sock", users.world.address(1)));
    let line =
        format!("simpd: {}: permission denied (set XDG_RUNTIME_DIR to a folder of yours)", socket.display());
    run(command, "").fails(1, &line);
    // Nor is there a log of a daemon that never served.
    assert_eq!(fs::read_dir(users.world.path(&format!("state-{}", users.ann))).unwrap().count(), 0);
}

#[test]
fn a_variable_that_is_no_absolute_path_is_ignored_and_named() {
    let world = World::new();
    let mut command = world.command("simpctl");
    // By its address: where it is looked for then, some simpd may run.
    command.args(["-d", &world.address(1), "status"]).env("XDG_RUNTIME_DIR", "run");
    let failed = run(command, "");
    let end = format!(
        "simpd is not running (start it with: simpctl start {}); XDG_RUNTIME_DIR is ignored: run is not an absolute path\n",
        world.address(1)
    );
    assert!(failed.status == Some(3) && failed.stderr.ends_with(&end), "{failed:?}");
    let mut command = world.command("simpd");
    command.args(["--user", "ann"]).env("XDG_STATE_HOME", "state").env("XDG_CONFIG_HOME", "");
    let failed = run(command, "");
    let lines = "simpd: XDG_STATE_HOME is ignored: state is not an absolute path\nsimpd: no address given (for example: simpd 127.0.0.1)\n";
    assert_eq!((failed.status, failed.stderr.as_str()), (Some(2), lines));
    // The same of every command of a room.
    for (args, status, line) in [
        (
            &["status", "--name", "none-1"][..],
            3,
            ": the room none-1 is not running (start it: simp-room run --name none-1)",
        ),
        (
            &["users", "list", "--name", "none-1"],
            7,
            "there is no room none-1 (create it: simp-room run --name none-1)",
        ),
        (&["run", "--motd", "none"], 1, "none: no such file or directory (the file for --motd)"),
    ] {
        let mut command = world.command("simp-room");
        command.args(args).env("XDG_RUNTIME_DIR", "run").env("XDG_STATE_HOME", "state");
        let failed = run(command, "");
        let ignored = "simp-room: XDG_RUNTIME_DIR is ignored: run is not an absolute path\n\
                       simp-room: XDG_STATE_HOME is ignored: state is not an absolute path\n";
        let is_said = failed.stderr.starts_with(ignored) && failed.stderr.ends_with(&format!("{line}\n"));
        assert!(failed.status == Some(status) && is_said, "{failed:?}");
    }
}
