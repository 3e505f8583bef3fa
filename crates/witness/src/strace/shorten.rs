//! A call as it is shown.

use proof::record::{Outcome, TracedCall};

/// Characters of a text in quotes that are shown.
const LONGEST_STRING: usize = 32;

/// Characters of flags in one word beyond which it may be torn at the end of a line.
const LONGEST_FLAGS: usize = 72;

/// The text of a call in a shorter form; none where it has nothing of the kind.
type Shorter = fn(&str) -> Option<String>;

/// Tried one after the other.
const SHORTER: [Shorter; 7] = [
    with_faults,
    with_cookie,
    without_addresses,
    with_thread,
    with_rights,
    with_port,
    without_flags,
];

/// A call as strace prints it, without what distracts.
pub fn text(call: &TracedCall) -> String {
    let arguments = match call.outcome {
        Outcome::Unanswered => {
            let known = call.text.trim_end_matches(" = ?").trim_end_matches(')');
            let known = known.trim_end().trim_end_matches(',');
            format!("{known}, <unfinished ...>")
        }
        Outcome::Done(_) | Outcome::Failed(_) => {
            let text = call.text.clone();
            let text = SHORTER
                .iter()
                .fold(text, |text, shorter| shortened(*shorter, &text));
            short_strings(&text)
        }
    };
    format!("{}({arguments}", call.name)
}

fn shortened(shorter: Shorter, text: &str) -> String {
    shorter(text).unwrap_or_else(|| text.to_owned())
}

/// Of the counters of getrusage(2) the minor faults alone.
fn with_faults(text: &str) -> Option<String> {
    let (before, fields) = text.split_once('{')?;
    let (fields, after) = fields.rsplit_once('}')?;
    let faults = fields
        .split(", ")
        .find(|field| field.starts_with("ru_minflt="))?;
    Some(format!("{before}{{..., {faults}, ...}}{after}"))
}

/// Of an internet address the port alone where the host is this one.
fn with_port(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("{sa_family=AF_INET, ")?;
    let (port, after) = rest.split_once(", sin_addr=inet_addr(\"127.0.0.1\")}")?;
    Some(format!("{before}{{..., {port}, ...}}{after}"))
}

/// A call of fork without its empty stack, and where the C library keeps the child's number.
fn without_addresses(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(", child_tidptr=")?;
    let (_, after) = rest.split_once(')')?;
    let before = before.replace("child_stack=NULL", "...");
    let before = before.replace("CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|", "...|");
    Some(format!("{before}, ...){after}"))
}

/// Of the flags and addresses with which a thread is born that it shares its process's table of
/// descriptors, and is a thread: so it fits a line.
fn with_thread(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("|CLONE_THREAD|")?;
    let (before, flags) = before.split_once("flags=")?;
    let (_, after) = rest.rsplit_once('}')?;
    let files = match flags.split('|').any(|flag| flag == "CLONE_FILES") {
        true => "CLONE_FILES|...|",
        false => "",
    };
    Some(format!(
        "{before}flags=...|{files}CLONE_THREAD|..., ...}}{after}"
    ))
}

/// Of very many flags in a row the first and the last.
fn without_flags(text: &str) -> Option<String> {
    let short = |word: &str| match (word.split_once('|'), word.rsplit_once('|')) {
        (Some((first, _)), Some((_, last))) if word.len() > LONGEST_FLAGS => {
            format!("{first}|...|{last}")
        }
        _ => word.to_owned(),
    };
    let words = text.split(' ').map(short);
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Of a message with descriptors those alone.
fn with_rights(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("{msg_name=")?;
    let (_, rights) = rest.split_once("cmsg_type=SCM_RIGHTS, ")?;
    let (rights, rest) = rights.split_once("}]")?;
    let (_, after) = rest.rsplit_once('}')?;
    Some(format!("{before}{{..., SCM_RIGHTS, {rights}, ...}}{after}"))
}

/// The cookie of a socket as the number that sock_diag(7) gives, rather than as eight bytes.
fn with_cookie(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("SO_COOKIE, \"")?;
    let (bytes, after) = rest.split_once('"')?;
    Some(format!("{before}SO_COOKIE, [{}]{after}", cookie(bytes)?))
}

/// Each text in quotes with so many characters at most.
fn short_strings(text: &str) -> String {
    let mut short = String::new();
    let mut inside = None;
    let mut escaped = false;
    for character in text.chars() {
        let is_quote = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        inside = match (is_quote, inside) {
            (true, None) => Some(0),
            (true, Some(_)) => None,
            (false, inside) => inside.map(|length: usize| length + 1),
        };
        match inside {
            Some(length) if length > LONGEST_STRING => {}
            _ => short.push(character),
        }
    }
    short
}

/// The number in eight bytes, which strace prints as a text in C: the lowest byte comes first, or
/// last where the machine has it so.
fn cookie(text: &str) -> Option<u64> {
    let mut bytes = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.push(u8::try_from(u32::from(character)).ok()?);
            continue;
        }
        let mut octal = String::new();
        while octal.len() < 3 && characters.peek().is_some_and(|digit| digit.is_digit(8)) {
            octal.extend(characters.next());
        }
        bytes.push(match octal.is_empty() {
            false => u8::from_str_radix(&octal, 8).ok()?,
            true => match characters.next()? {
                'n' => b'\n',
                't' => b'\t',
                'r' => b'\r',
                'v' => 11,
                'f' => 12,
                other => u8::try_from(u32::from(other)).ok()?,
            },
        });
    }
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_as_strace_prints_it() {
        for (text, number) in [
            (r#"\265\20\0\0\0\0\0\0"#, Some(4277)),
            (r#"A\n\0\0\0\0\0\0"#, Some(2625)),
            (r#"\\\"\0\0\0\0\0\0"#, Some(8796)),
            (r#"\265"#, None),
            (r#"\"#, None),
            (r#"\777\0\0\0\0\0\0\0"#, None),
            ("猫", None),
        ] {
            assert_eq!(cookie(text), number.map(u64::from_le), "{text}");
        }
    }

    #[test]
    fn what_distracts_is_left_out() {
        assert_eq!(
            shortened(
                with_faults,
                "RUSAGE_SELF, {ru_utime={tv_sec=0}, ru_minflt=107, ru_majflt=0}) = 0"
            ),
            "RUSAGE_SELF, {..., ru_minflt=107, ...}) = 0"
        );
        assert_eq!(shortened(with_faults, "3, 8) = 0"), "3, 8) = 0");
        let address = "3, {sa_family=AF_INET, sin_port=htons(9), \
                       sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0";
        assert_eq!(
            shortened(with_port, address),
            "3, {..., sin_port=htons(9), ...}, 16) = 0"
        );
        assert_eq!(
            shortened(
                without_addresses,
                "child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, \
                 child_tidptr=0x7f) = 5"
            ),
            "..., flags=...|SIGCHLD, ...) = 5"
        );
        assert_eq!(
            shortened(
                with_thread,
                "{flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD|CLONE_SYSVSEM, stack=0x7f} => \
                 {a=[5]}, 88) = 5"
            ),
            "{flags=...|CLONE_FILES|...|CLONE_THREAD|..., ...}, 88) = 5"
        );
        let message = "5, {msg_name=NULL, msg_control=[{cmsg_level=SOL_SOCKET, \
                       cmsg_type=SCM_RIGHTS, cmsg_data=[3]}], msg_flags=0}, 0) = 1";
        let short = "5, {..., SCM_RIGHTS, cmsg_data=[3], ...}, 0) = 1";
        assert_eq!(shortened(with_rights, message), short);
        let flags = ["FLAG"; 20].join("|");
        let many = format!("3, {{mode={flags}|LAST, A|B}}) = 0");
        let few = "3, {mode=FLAG|...|LAST, A|B}) = 0";
        assert_eq!(shortened(without_flags, &many), few);
        let zeros = r"\0".repeat(100);
        let short = format!("3, \"{}\", 8) = 0", r"\0".repeat(16));
        assert_eq!(short_strings(&format!("3, \"{zeros}\", 8) = 0")), short);
        assert_eq!(
            short_strings(r#"3, "a\"b", 3) = 3"#),
            r#"3, "a\"b", 3) = 3"#
        );
    }
}
