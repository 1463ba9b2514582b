//! The command line: one struct per subcommand, whose doc comment is its help.

use argh::{ArgsInfo, FromArgs};

use simp_control::KeyId;
use simp_service::arguments;

use crate::files::{LOBBY, room_name};
use crate::nats::door_name;

/// A room for many people: anybody who connects to its simpd can come in.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(name = "simp-room", help_triggers("-h", "--help"))]
#[argh(note = "--name selects the room; commands for a running room need it only if several run.")]
#[argh(
    note = "Options go before a text: after its first word all is text. Put -- before a text that begins with a dash, and in a script before every text."
)]
#[argh(error_code(0, "done"))]
#[argh(error_code(1, "failed; the line on stderr says why"))]
#[argh(error_code(2, "usage"))]
#[argh(error_code(3, "no simpd, or the room does not run"))]
#[argh(error_code(7, "no such user, ban or room"))]
pub struct Args {
    /// print the program's version
    #[argh(switch)]
    pub version: bool,
    #[argh(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand)]
pub enum Command {
    Run(RunArgs),
    Status(RoomStatusArgs),
    Doors(DoorsArgs),
    Who(WhoArgs),
    Say(SayArgs),
    Kick(KickArgs),
    Ban(BanArgs),
    Unban(UnbanArgs),
    Bans(BansArgs),
    Topic(TopicArgs),
    Stop(RoomStopArgs),
    Users(UsersArgs),
    Move(MoveArgs),
}

/// Run a room until simp-room stop, SIGTERM or SIGINT.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(note = "Its simpd is started with --accept all and --max-chats N.")]
#[argh(subcommand, name = "run", help_triggers("-h", "--help"))]
pub struct RunArgs {
    /// the name of the room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
    /// which simpd: its address, or the path of its socket
    #[argh(option, short = 'd', arg_name = "addr|socket")]
    pub daemon: Option<String>,
    /// no passwords: anyone may use any free name
    #[argh(switch)]
    pub open: bool,
    /// start in the background: return when the room is open, or with its error
    #[argh(switch)]
    pub background: bool,
    /// past public lines that a new member is shown, at most 1000 (default: 20)
    #[argh(option, arg_name = "n", default = "20", from_str_fn(history))]
    pub history: usize,
    /// a file whose lines new members are shown
    #[argh(option, arg_name = "file")]
    pub motd: Option<String>,
    /// maximum number of members at a time (default: 1000)
    #[argh(option, arg_name = "n", default = "1000", from_str_fn(members))]
    pub max_members: u32,
    /// maximum number of accounts (default: 100000)
    #[argh(option, arg_name = "n", default = "100_000", from_str_fn(accounts))]
    pub max_accounts: u32,
    /// messages that each member may send in 10 s (default: 30)
    #[argh(option, arg_name = "n", default = "30", from_str_fn(rate))]
    pub rate: u32,
    /// be one door of a room that has several, which meet at these nats-servers with JetStream
    #[argh(option, arg_name = "url[,url...]")]
    pub nats: Option<String>,
    /// what they know this door by: credentials of nsc, or a line USER:PASSWORD or TOKEN
    #[argh(option, arg_name = "file")]
    pub nats_creds: Option<String>,
    /// the certificates that theirs are signed with (default: those of the system)
    #[argh(option, arg_name = "file")]
    pub nats_ca: Option<String>,
    /// on how many of them all is kept at least, 1 to 5 (default: 1, or as it is kept already)
    #[argh(option, arg_name = "n", from_str_fn(replicas))]
    pub replicas: Option<u32>,
    /// the name of this door (default: that of the host)
    #[argh(option, arg_name = "name", from_str_fn(door_name))]
    pub door: Option<String>,
}

/// The room that is meant if none is named.
fn lobby() -> String {
    LOBBY.to_owned()
}

fn history(text: &str) -> Result<usize, String> {
    arguments::whole(text, 0, 1_000)
}

fn members(text: &str) -> Result<u32, String> {
    arguments::whole(text, 1, u32::MAX.into())
}

fn accounts(text: &str) -> Result<u32, String> {
    arguments::whole(text, 0, u32::MAX.into())
}

fn replicas(text: &str) -> Result<u32, String> {
    arguments::whole(text, 1, 5)
}

fn rate(text: &str) -> Result<u32, String> {
    arguments::whole(text, 1, 100_000)
}

/// Show the state of the room.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "status", help_triggers("-h", "--help"))]
pub struct RoomStatusArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// show all doors of the room, and its stream
    #[argh(switch)]
    pub all: bool,
    /// print JSON
    #[argh(switch)]
    pub json: bool,
}

/// List the doors of a room that has several.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    note = "One per line: name, simpd, state, members inside, posts that it has yet to deal with (its lag)."
)]
#[argh(subcommand, name = "doors", help_triggers("-h", "--help"))]
pub struct DoorsArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// print JSON, one object per line
    #[argh(switch)]
    pub json: bool,
    #[argh(subcommand)]
    pub what: Option<DoorsCommand>,
}

/// What to do with doors.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand)]
pub enum DoorsCommand {
    Remove(DoorRemoveArgs),
}

/// Remove a door that is gone for good: nothing is kept for it any more.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "remove", help_triggers("-h", "--help"))]
pub struct DoorRemoveArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// the name of the door
    #[argh(positional)]
    pub door: String,
}

/// List who is here.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(note = "One per line: name, address, state, since when.")]
#[argh(subcommand, name = "who", help_triggers("-h", "--help"))]
pub struct WhoArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// print JSON, one object per line
    #[argh(switch)]
    pub json: bool,
}

/// Say something to everybody.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(note = "Put -- before a text that begins with a dash, and in a script before every text.")]
#[argh(subcommand, name = "say", help_triggers("-h", "--help"))]
pub struct SayArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// what to say
    #[argh(positional, greedy)]
    pub text: Vec<String>,
}

/// Send somebody away; they may come back.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(note = "Put -- before a WHO that begins with a dash, and in a script before every WHO.")]
#[argh(subcommand, name = "kick", help_triggers("-h", "--help"))]
pub struct KickArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// a user's name, or the address of a host
    #[argh(positional)]
    pub who: String,
    /// why
    #[argh(positional, greedy)]
    pub why: Vec<String>,
}

/// Send somebody away, and refuse them until unban.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(note = "Put -- before a WHO that begins with a dash, and in a script before every WHO.")]
#[argh(subcommand, name = "ban", help_triggers("-h", "--help"))]
pub struct BanArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// a user's name, or the address of a host
    #[argh(positional)]
    pub who: String,
    /// why
    #[argh(positional, greedy)]
    pub why: Vec<String>,
}

/// Let somebody in again.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "unban", help_triggers("-h", "--help"))]
pub struct UnbanArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// a user's name, or the address of a host
    #[argh(positional)]
    pub who: String,
}

/// List who is banned, and why.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "bans", help_triggers("-h", "--help"))]
pub struct BansArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// print JSON, one object per line
    #[argh(switch)]
    pub json: bool,
}

/// Set the topic of the room; without a text, remove it.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(note = "Put -- before a text that begins with a dash, and in a script before every text.")]
#[argh(subcommand, name = "topic", help_triggers("-h", "--help"))]
pub struct TopicArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
    /// the topic
    #[argh(positional, greedy)]
    pub text: Vec<String>,
}

/// Stop a room; its members are still in it when it is started again.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "stop", help_triggers("-h", "--help"))]
pub struct RoomStopArgs {
    /// which room
    #[argh(option, arg_name = "room", from_str_fn(room_name))]
    pub name: Option<String>,
}

/// Move a room to the nats-servers where its doors meet: accounts, bans, topic and last lines. Once, while it does not run.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "move", help_triggers("-h", "--help"))]
pub struct MoveArgs {
    /// which room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
    /// the nats-servers, as for run
    #[argh(option, arg_name = "url[,url...]")]
    pub nats: String,
    /// what they know this door by: credentials of nsc, or a line USER:PASSWORD or TOKEN
    #[argh(option, arg_name = "file")]
    pub nats_creds: Option<String>,
    /// the certificates that theirs are signed with (default: those of the system)
    #[argh(option, arg_name = "file")]
    pub nats_ca: Option<String>,
    /// on how many of them all is kept at least, 1 to 5 (default: 1, or as it is kept already)
    #[argh(option, arg_name = "n", from_str_fn(replicas))]
    pub replicas: Option<u32>,
}

/// Manage the accounts of a room, whether it runs or not.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "users", help_triggers("-h", "--help"))]
pub struct UsersArgs {
    #[argh(subcommand)]
    pub what: UsersCommand,
}

/// What to do with accounts.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand)]
pub enum UsersCommand {
    List(ListArgs),
    Add(AddArgs),
    Remove(UserRemoveArgs),
    Passwd(PasswdArgs),
    Import(ImportArgs),
    Export(ExportArgs),
}

/// Print the accounts, with the hashes of their passwords, for simp-room users import.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "export", help_triggers("-h", "--help"))]
pub struct ExportArgs {
    /// which room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
}

/// List the accounts.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "list", help_triggers("-h", "--help"))]
pub struct ListArgs {
    /// which room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
    /// print JSON, one object per line
    #[argh(switch)]
    pub json: bool,
}

/// Create an account; its password is asked for, or read from standard input, unless it has a key.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "add", help_triggers("-h", "--help"))]
pub struct AddArgs {
    /// which room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
    /// the key of its user's simpd (simpctl key): whoever comes with it needs no password
    #[argh(option, arg_name = "key")]
    pub key: Option<KeyId>,
    /// the user's name
    #[argh(positional)]
    pub user: String,
}

/// Remove an account.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "remove", help_triggers("-h", "--help"))]
pub struct UserRemoveArgs {
    /// which room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
    /// the user's name
    #[argh(positional)]
    pub user: String,
}

/// Change the password of an account; it is asked for, or read from standard input.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "passwd", help_triggers("-h", "--help"))]
pub struct PasswdArgs {
    /// which room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
    /// the user's name
    #[argh(positional)]
    pub user: String,
}

/// Create accounts from JSON or a table with names and passwords, not hashes, or from users export. Existing accounts are not changed.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(subcommand, name = "import", help_triggers("-h", "--help"))]
pub struct ImportArgs {
    /// which room (default: lobby)
    #[argh(option, arg_name = "room", from_str_fn(room_name), default = "lobby()")]
    pub name: String,
    /// import what looks like a hash too: all in the file are passwords as they are typed
    #[argh(switch)]
    pub these_are_passwords: bool,
    /// the file, or - for standard input
    #[argh(positional)]
    pub file: String,
}
