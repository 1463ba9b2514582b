//! The image of contrib/container, and what runs in a container of it.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::Machine;
use super::document::Recipe;
use crate::harness::{World, has_program, is_root, run, skipped};

/// Something with images, which are kept in the world of the test.
fn with_images(world: &World, program: &str, args: &[&str]) -> Command {
    let mut command = world.command(program);
    command.args(args).env("CONTAINERS_STORAGE_CONF", world.path("storage.conf"));
    command
}

/// The words of a list in the image's description.
fn words(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

/// Builds the image as the recipe says, with the programs that are tested, and puts what stands in for podman in its place.
/// `None`, and `test` is skipped, if this machine builds no images.
fn image(world: &World, web1: &Machine<'_>, build: &str, test: &str) -> Option<()> {
    let programs = ["buildah", "unshare", "nsenter"];
    if !is_root(test) || !programs.iter().all(|program| has_program(test, program)) {
        return None;
    }
    let (graph, run_root) = (world.path("images"), world.path("images-run"));
    let storage = format!("[storage]\ndriver = 'vfs'\ngraphroot = {graph:?}\nrunroot = {run_root:?}\n");
    std::fs::write(world.path("storage.conf"), storage).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_simpd")).parent().unwrap();
    let script = format!("{} {}", build.trim(), programs.display());
    let mut command = with_images(world, "sh", &["-c", &script]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    let built = run(command, "");
    if built.status != Some(0) {
        skipped(test, &format!("no image can be built here: {}", built.stderr.lines().last().unwrap_or("")));
        return None;
    }
    let container = run(with_images(world, "buildah", &["from", "simp"]), "").ok();
    let root = run(with_images(world, "buildah", &["mount", container.trim()]), "").ok();
    let about = run(with_images(world, "buildah", &["inspect", "--type", "image", "simp"]), "").ok();
    let about: Value = serde_json::from_str(&about).unwrap();
    let about = &about["Docker"]["config"];
    let check = words(&about["Healthcheck"]["Test"]);
    assert_eq!(check[0], "CMD");
    let known = format!(
        "#!/bin/sh\nexport ROOT='{}' USERSPEC='{}' VARIABLES='{}'\nexport ENTRYPOINT='{}' HEALTHCHECK='{}'\n",
        root.trim(),
        about["User"].as_str().unwrap(),
        words(&about["Env"]).join(" "),
        words(&about["Entrypoint"]).join(" "),
        check[1..].join(" "),
    );
    web1.write("~/bin/podman", &(known + include_str!("podman.sh")));
    Some(())
}

/// What runs in the container ends with the test.
struct Container<'a>(&'a Machine<'a>);

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // The first process of the container: all others end with it. It is gone if the container was removed.
        if let Ok(first) = self.0.read("podman/pid").trim().parse() {
            let _ = kill(Pid::from_raw(first), Signal::SIGKILL);
        }
    }
}

#[test]
fn a_container_is_well_is_stopped_in_order_and_goes_on_with_its_volume() {
    let (test, world) = ("a_container_is_well_is_stopped_in_order_and_goes_on_with_its_volume", World::new());
    let (recipe, machines) = (Recipe::of("In a container"), Recipe::of("Two machines"));
    let (web1, ops) = (Machine::new(&world, "web1"), Machine::new(&world, "ops"));
    let Some(()) = image(&world, &web1, recipe.typed("web1", "build.sh"), test) else { return };
    ops.types(machines.typed("ops", "start")).ok();
    let _container = Container(&web1);
    let run = recipe.typed("web1", "podman run");
    let said = web1.types(run).ok();
    assert!(
        said.starts_with(&format!("connected to ops@{}:7777 (secure, new key ", ops.address())),
        "{said}"
    );
    web1.types(recipe.typed("web1", "date")).ok();
    let told = ops.types("simpctl listen -n 2 --text").ok();
    assert!(told.starts_with("hello from a container\n"), "{told}");
    assert_eq!(web1.types(recipe.typed("web1", "healthcheck")).ok(), "");
    let key = || web1.types("podman exec simpd simpctl key").ok();
    let first = key();

    // What waits is in the volume, and so is the key.
    ops.kill();
    web1.types("podman exec simpd simpctl send --queue -t 192.0.2.8 later").ok();
    let late = web1.types("podman exec simpd simpctl status --check --max-age 0.001");
    assert!(late.status == Some(1) && late.stdout.contains("waits"), "{}", late.stdout);
    let stop = recipe.typed("web1", "stop");
    web1.types(stop).ok();
    ops.types("simpctl start").ok();
    let start = run.lines().next().unwrap();
    web1.types(start).ok();
    assert_eq!(key(), first);
    assert_eq!(ops.types("simpctl listen -n 1 --text --timeout 20").ok(), "later\n");
    web1.types(stop).ok();
}
