//! Everybody at every door hears every line, once, and all of them in one order.

use std::time::Instant;

use super::house::House;
use super::servers::Servers;
use crate::{Attempt, Effort};

const DOORS: u32 = 4;

/// Says lines at all doors at the same time.
///
/// # Errors
/// If somebody hears something else than the others.
pub fn check(effort: Effort) -> Attempt<()> {
    let (each, lines) = (effort.of(250, 50), effort.of(100, 40));
    let servers = Servers::start(1)?;
    let mut house = House::open("order", DOORS as usize, each, Some(&servers))?;
    house.crowd.record();
    house.crowd.forget();
    let began = Instant::now();
    for line in 0..lines {
        // At each door in its turn; nobody waits for what was said before, so the doors publish at the same time.
        let speaker = line % DOORS * each + line / DOORS;
        house.crowd.say(speaker, &format!("line {line}"))?;
    }
    house.crowd.hear(u64::from(lines * house.size()))?;
    let took = began.elapsed();
    house.crowd.calm()?;
    let confirmed = format!("sent to {}", house.size() - 1);
    let mut heard = vec![Vec::new(); house.size() as usize];
    let mut confirmations = 0;
    for one in house.crowd.record() {
        match heard.get_mut(one.number as usize) {
            Some(_) if one.text == confirmed => confirmations += 1,
            Some(texts) => texts.push(one.text),
            None => {}
        }
    }
    let all = heard.iter().find(|texts| texts.len() == lines as usize).ok_or("nobody has heard all lines")?;
    for (number, texts) in heard.iter().enumerate() {
        let own = format!("[m{number}] ");
        if !texts.iter().eq(all.iter().filter(|text| !text.starts_with(&own))) {
            return Err(format!("m{number} has heard other lines than the others: {texts:?}").into());
        }
    }
    if confirmations != lines {
        return Err(format!("{confirmations} of {lines} lines were confirmed to be sent to all").into());
    }
    println!(
        "  {} members at {DOORS} doors: all have heard {lines} lines, each once, in one order, in {:.1} s",
        house.size(),
        took.as_secs_f64()
    );
    Ok(())
}
