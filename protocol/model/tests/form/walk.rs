//! A filled form as lines of text, and answers as they are typed.

use std::collections::BTreeMap;

use fieldmerge_model::form::filling::{Filling, NotGiven, Refusal};

use super::told::compiled;
use super::world::Fixed;

const FORM: &str = "
| survey |
| | type | name | label | hint | required | relevant | constraint | constraint_message |
| | begin_group | person | Person | | | | | |
| | integer | age | How old? | In years. | yes | | . < 120 | Nobody is. |
| | select_one side | side | Which side? | | | ${age} > 17 | | |
| | end_group | | | | | | | |
| | begin_repeat | child | Child | | | | | |
| | text | called | Name | | | | | |
| | begin_repeat | toy | Toy | | | | | |
| | text | kind | Kind | | | | | |
| | end_repeat | | | | | | | |
| | end_repeat | | | | | | | |
| choices |
| | list_name | name | label |
| | side | n | North |
| | side | s | South |
";

fn begun(text: &str) -> (Filling, Fixed) {
    let mut world = Fixed::default();
    (Filling::begin(compiled(text), 0, BTreeMap::new(), &mut world), world)
}

#[test]
fn a_form_is_shown_as_it_is_answered() {
    let (mut filling, mut world) = begun(FORM);
    let lines = |filling: &Filling, world: &mut Fixed| filling.walk(world).lines().join("\n");
    let text = lines(&filling, &mut world);
    assert!(text.contains("  How old? *  [integer age]\n    In years."), "{text}");
    assert!(text.ends_with("Not asked after these answers: side"), "{text}");
    for typed in ["age=130", "child=+", "called[2]=Koto", "toy=+", "kind[3]=Ball"] {
        filling.give(typed, &mut world).unwrap_or_else(|error| panic!("{typed}: {error}"));
    }
    let text = lines(&filling, &mut world);
    assert!(text.contains("[integer age]: 130\n    In years.\n    ! Nobody is."), "{text}");
    assert!(text.contains("( ) North  [n]"), "{text}");
    assert!(text.contains("Child  [repeat child[2]]\n\n  Name  [text called[2]]: Koto"), "{text}");
    assert!(text.contains("Kind  [text kind[3]]: Ball"), "{text}");
    for typed in ["age=20", "side=s", "age=3"] {
        filling.give(typed, &mut world).unwrap_or_else(|error| panic!("{typed}: {error}"));
    }
    let text = lines(&filling, &mut world);
    assert!(
        text.ends_with("Not asked after these answers: side\n\nAnswered and not kept: Which side?"),
        "{text}"
    );
}

#[test]
fn a_choice_is_named_by_its_name_or_by_what_only_its_label_says() {
    let (mut filling, mut world) = begun(FORM);
    filling.give("age=20", &mut world).expect("a number");
    for (typed, stored) in [("side=s", "s"), ("side=north", "n"), ("side=", ""), ("side=Sou", "s")] {
        filling.give(typed, &mut world).expect("it is a choice");
        assert_eq!(filling.value(filling.named("side")[0]), stored, "{typed}");
    }
}

#[test]
fn what_is_no_answer_is_said() {
    let (mut filling, mut world) = begun(FORM);
    for typed in ["age", "", "age[x]=1"] {
        assert_eq!(filling.give(typed, &mut world), Err(NotGiven::Form), "{typed}");
    }
    for typed in ["ghost=1", "age[0]=1", "age[2]=1", "person=1", "=1", "ghost=+"] {
        let refused = filling.give(typed, &mut world).expect_err("nothing has this name");
        let is_unknown =
            matches!(refused, NotGiven::Unknown(_) | NotGiven::Refused { refusal: Refusal::NoPlace, .. });
        assert!(is_unknown, "{typed}: {refused}");
    }
    assert!(matches!(filling.give("age=old", &mut world), Err(NotGiven::Refused { .. })));
}

#[test]
fn of_many_choices_some_are_shown() {
    let rows: String =
        (0..100).fold(String::new(), |rows, n| rows + &format!("| | all | c{n} | Choice {n} |\n"));
    let text = format!(
        "| survey |\n| | type | name | label |\n| | select_one all | one | One |\n| choices |\n| | list_name | name | label |\n{rows}"
    );
    let (filling, mut world) = begun(&text);
    let text = filling.walk(&mut world).lines().join("\n");
    assert!(text.contains("Choice 39") && !text.contains("Choice 40"), "{text}");
    assert!(text.ends_with("… and 60 more"), "{text}");
}
