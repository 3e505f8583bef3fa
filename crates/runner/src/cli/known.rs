//! Names that a shell completes.

use std::ffi::OsStr;

use claim::Register;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, Error};

/// The value parser of an argument that takes a name. It accepts every word: the code that looks
/// the name up says which known one is nearest. The known names are there for shells to complete.
#[derive(Clone, Debug)]
pub struct KnownNames(Vec<&'static str>);

/// A value parser for an argument that takes one of `names`; see [`KnownNames`].
pub fn known_names(names: impl IntoIterator<Item = &'static str>) -> KnownNames {
    KnownNames(names.into_iter().collect())
}

impl TypedValueParser for KnownNames {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

/// Makes every argument of `command` whose value is called ID complete the claims of `register`,
/// and TOPIC its topics. A value may begin with a minus everywhere: it is then refused by the
/// argument's own parser, which says what the argument takes.
pub(super) fn with_known_names(command: Command, register: &Register) -> Command {
    let ids = known_names(register.claims().map(|(_, claim)| claim.id));
    let topics = known_names(register.topics().iter().map(|topic| topic.name));
    with_names(command, &ids, &topics)
}

fn with_names(command: Command, ids: &KnownNames, topics: &KnownNames) -> Command {
    let teach = |argument: Arg| {
        let names = match value_name(&argument) {
            Some("ID") => ids,
            Some("TOPIC") => topics,
            _ if !argument.get_action().takes_values() => return argument,
            _ => return argument.allow_negative_numbers(true),
        };
        argument
            .value_parser(names.clone())
            .hide_possible_values(true)
    };
    command
        .mut_args(teach)
        .mut_subcommands(|subcommand| with_names(subcommand, ids, topics))
}

fn value_name(argument: &Arg) -> Option<&str> {
    Some(argument.get_value_names()?.first()?.as_str())
}
