//! A system call as a person reads it.

use std::fmt;

/// A system call with the argument that decides what it does.
///
/// ```
/// let argument = "F_SETLK, {l_type=F_WRLCK … EAGAIN";
/// let call = claim::Call { name: "fcntl", argument };
/// assert_eq!(call.to_string(), "fcntl(F_SETLK, F_WRLCK) = EAGAIN");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name, as strace(1) prints it.
    pub name: &'static str,
    /// A part of its arguments as strace prints them; ` … ` stands for anything between two parts.
    /// Empty where the call alone decides.
    pub argument: &'static str,
}

/// For a person the argument is no pattern: what strace(1) writes around a value is left out, and
/// an error number stands behind the call.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.argument.split(" … ");
        let (errors, arguments): (Vec<&str>, Vec<&str>) = parts.partition(|part| is_error(part));
        let arguments: Vec<String> = arguments.into_iter().filter_map(value).collect();
        write!(f, "{}({})", self.name, arguments.join(", "))?;
        errors.iter().try_for_each(|error| write!(f, " = {error}"))
    }
}

/// Whether a part of a pattern is the name of an error: `EAGAIN`, but not `EPOLLIN`.
fn is_error(part: &str) -> bool {
    let is_name = part.chars().all(|letter| letter.is_ascii_uppercase());
    is_name && part.starts_with('E') && !part.starts_with("EPOLL")
}

/// The values in a part of a pattern; none in what a call returns (`= ?`).
fn value(part: &str) -> Option<String> {
    if part.is_empty() || part.starts_with("= ") {
        return None;
    }
    if part.starts_with("/proc/") && part.ends_with('/') {
        return Some(format!("{part}N"));
    }
    // A text in quotes is what it is.
    if part.contains('"') {
        return Some(part.to_owned());
    }
    let plain: String = part.trim_end_matches(',').replace(['[', ']'], "");
    Some(match plain.split_once('{') {
        // Of a structure its decisive field.
        Some((before, field)) => before.to_owned() + field.split_once('=').map_or(field, |it| it.1),
        None => plain.split_once('=').map_or(plain.clone(), field),
    })
}

/// A field of a structure, and its value as a number.
fn field((name, value): (&str, &str)) -> String {
    let value = value.trim_start_matches("htons").trim_matches(['(', ')']);
    match value
        .strip_prefix("0x")
        .map(|digits| u64::from_str_radix(digits, 16))
    {
        Some(Ok(number)) => format!("{name} {number}"),
        _ => format!("{name} {value}").trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn what_strace_writes_around_a_value_is_left_out() {
        for (name, argument, text) in [
            ("dup", "", "dup()"),
            ("accept4", "= ?", "accept4()"),
            ("recvfrom", "EAGAIN", "recvfrom() = EAGAIN"),
            ("read", "\"hello,\", 6", "read(\"hello,\", 6)"),
            (
                "fcntl",
                "F_SETFL … O_NONBLOCK",
                "fcntl(F_SETFL, O_NONBLOCK)",
            ),
            (
                "fcntl",
                "F_OFD_SETLK, {l_type=F_WRLCK",
                "fcntl(F_OFD_SETLK, F_WRLCK)",
            ),
            (
                "openat",
                "/proc/self/fd/ … O_RDWR",
                "openat(/proc/self/fd/N, O_RDWR)",
            ),
            (
                "setsockopt",
                "SO_REUSEPORT, [1]",
                "setsockopt(SO_REUSEPORT, 1)",
            ),
            ("connect", "sin_port=htons", "connect(sin_port)"),
            ("bind", "sin_port=htons(0)", "bind(sin_port 0)"),
            (
                "epoll_ctl",
                "EPOLL_CTL_ADD … {events=EPOLLIN|EPOLLEXCLUSIVE,",
                "epoll_ctl(EPOLL_CTL_ADD, EPOLLIN|EPOLLEXCLUSIVE)",
            ),
            (
                "modify_ldt",
                "limit=0x0003e7 … contents=1",
                "modify_ldt(limit 999, contents 1)",
            ),
        ] {
            assert_eq!(Call { name, argument }.to_string(), text);
        }
    }
}
