//! The world itself: what the other tests stand on.

use std::time::Duration;
use vigie_tests::process::output_of;
use vigie_tests::wait::wait_for;
use vigie_tests::world::{COLLECTOR, TARGET, TARGET_NAME, World, skipped};

#[test]
fn a_school_reaches_the_outside_until_its_line_is_cut_in_either_way() {
    if skipped() {
        return;
    }
    let mut world = World::with_school(2).unwrap();
    world.add_school(1).unwrap();
    let (first, second) = (&world.schools[0], &world.schools[1]);
    let reaches = |machine: &vigie_tests::netns::Namespace, address: &str| {
        output_of(machine.command("ping").args(["-c", "1", "-W", "1", address])).is_ok()
    };
    wait_for("the outside", Duration::from_secs(10), || reaches(&first.machines[1], TARGET).then_some(())).unwrap();

    first.cut_line().unwrap();
    assert!(!reaches(&first.machines[0], TARGET));
    assert!(reaches(&second.machines[0], COLLECTOR), "the other school has its own line");
    first.restore_line().unwrap();
    wait_for("the line", Duration::from_secs(10), || reaches(&first.machines[0], COLLECTOR).then_some(())).unwrap();

    first.cut_line_silently().unwrap();
    assert!(!reaches(&first.machines[0], TARGET));
    assert!(reaches(&first.machines[0], "10.40.1.1") || reaches(&first.machines[0], "10.40.1.11"));
    first.restore_line().unwrap();
    wait_for("the line", Duration::from_secs(10), || reaches(&first.machines[0], TARGET).then_some(())).unwrap();

    first.unplug_gateway().unwrap();
    assert!(!reaches(&first.machines[0], "10.40.1.1"));
    assert!(reaches(&first.machines[0], "10.40.1.11"));
}

#[test]
fn names_and_pages_of_the_outside_are_served_inside_a_school_and_nothing_stays_behind() {
    if skipped() {
        return;
    }
    let world = World::with_school(1).unwrap();
    let script = format!("exec 3<>/dev/tcp/{TARGET_NAME}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3");

    let page = output_of(world.schools[0].machines[0].command("bash").args(["-c", &script])).unwrap();

    assert!(page.ends_with("temoin vigie"), "{page}");
    // The machines' names only: other tests of this process have worlds of their own.
    let made: Vec<String> = world.schools[0].machines.iter().map(|machine| machine.name().to_owned()).collect();
    let exists = |name: &String| std::path::Path::new("/run/netns").join(name).exists();
    assert!(!made.is_empty() && made.iter().all(exists), "{made:?}");
    drop(world);
    assert!(!made.iter().any(exists), "{made:?}");
}

#[test]
fn what_a_killed_run_left_is_swept() {
    if skipped() {
        return;
    }
    // Process numbers end at 4,194,304 (proc(5), pid_max).
    let left = "vigie-4999999-0-out";
    output_of(std::process::Command::new("ip").args(["netns", "add", left])).unwrap();

    drop(World::new().unwrap());

    assert!(!std::path::Path::new("/run/netns").join(left).exists());
}
