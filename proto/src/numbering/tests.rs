use super::*;

/// What happens in a chat.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The peer sends a new message with this number.
    Theirs(u8),
    /// It acknowledges ours, which must have this number.
    Ours(u8),
    /// It acknowledges ours, whatever number that has.
    Any,
}
use Step::{Any, Ours, Theirs};

fn follow(numbering: &mut Numbering, steps: &[Step]) {
    for step in steps {
        match *step {
            Theirs(seq) => _ = numbering.handle_theirs(seq, None, false),
            Any => _ = numbering.handle_ack(numbering.next()),
            Ours(seq) => {
                assert_eq!(numbering.next().field(), seq, "{step:?} of {steps:?}");
                numbering.handle_ack(Seq::of(seq));
            }
        }
    }
}

#[test]
fn each_rule_is_found_from_numbers_alone() {
    let cases: [(Rule, &[Step]); 9] = [
        (Rule::Alternates, &[Theirs(0), Ours(0), Theirs(1), Ours(1), Theirs(0)]),
        (Rule::OneCounterFromOne, &[Theirs(1), Ours(0), Theirs(1), Ours(0), Ours(1), Theirs(0), Ours(1)]),
        (Rule::CountsUp, &[Theirs(1), Ours(0), Theirs(2), Ours(1), Theirs(3), Theirs(4)]),
        (Rule::CountsUp, &[Theirs(0), Theirs(1), Theirs(2), Theirs(3)]),
        (Rule::Marks, &[Theirs(2), Ours(0), Theirs(2), Ours(1), Theirs(1), Theirs(2)]),
        (Rule::Constant, &[Theirs(0), Theirs(0), Theirs(0), Theirs(0), Theirs(0), Theirs(0)]),
        // What a chat that began as specified goes on with says less than one that never did.
        (Rule::CountsUp, &[Theirs(0), Theirs(1), Theirs(0), Theirs(1), Theirs(2), Theirs(3)]),
        (Rule::Alternates, &[Theirs(0), Theirs(1), Theirs(2), Theirs(3), Theirs(0), Theirs(1)]),
        // A wrong number now and then is of messages that were lost.
        (Rule::Alternates, &[Theirs(0), Theirs(0), Theirs(1), Theirs(1), Theirs(0), Theirs(0), Theirs(1)]),
    ];
    for (rule, steps) in cases {
        let mut numbering = Numbering::begin(Rule::Alternates, false, Inviter::Us);
        follow(&mut numbering, steps);
        assert_eq!(numbering.rule(), rule, "{steps:?}");
    }
}

#[test]
fn what_is_known_of_a_peer_is_unlearned_with_one_number_that_refutes_it() {
    let plain = [Theirs(0), Any, Any, Theirs(1), Any, Theirs(0), Theirs(1)];
    for known in Rule::ALL {
        let mut numbering = Numbering::begin(known, false, Inviter::Us);
        follow(&mut numbering, &plain);
        assert_eq!(numbering.rule(), Rule::Alternates, "{known:?}");
    }
}

#[test]
fn a_rule_that_our_user_has_set_stays() {
    let mut numbering = Numbering::begin(Rule::OneCounter, true, Inviter::Us);
    follow(&mut numbering, &[Theirs(1), Theirs(1), Theirs(7), Theirs(7)]);
    assert_eq!((numbering.rule(), numbering.is_shown()), (Rule::OneCounter, false));
}

#[test]
fn the_ack_of_a_copy_with_the_other_number_shows_which_rule_gives_it() {
    for (theirs, rule) in [(None, Rule::OneCounterFromOne), (Some(1), Rule::AlternatesFromOne)] {
        let mut numbering = Numbering::begin(Rule::Alternates, false, Inviter::Us);
        if let Some(seq) = theirs {
            numbering.handle_theirs(seq, None, false);
        }
        assert!(numbering.may_be_other(true));
        assert!(numbering.handle_ack(Seq::ONE));
        assert_eq!((numbering.rule(), numbering.next()), (rule, Seq::ZERO), "after {theirs:?}");
    }
}

#[test]
fn nothing_is_tried_with_a_peer_whose_numbers_are_as_specified() {
    let mut numbering = Numbering::begin(Rule::Alternates, false, Inviter::Us);
    assert!(!numbering.may_be_other(false));
    for step in [Theirs(0), Ours(0), Theirs(1), Theirs(0), Ours(1), Ours(0), Theirs(1)] {
        follow(&mut numbering, &[step]);
        assert!(!numbering.may_be_other(true) && !numbering.is_unspecified(), "after {step:?}");
    }
}
