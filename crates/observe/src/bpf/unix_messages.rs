//! Descriptors in messages that wait at UNIX sockets, each by the address of its open file
//! description: the iterator `unix` (Linux 5.15).

use super::btf::Btf;
use super::call::run;
use super::program::{Program, R1, R6, R7, R8, R9, STACK, Width};
use crate::Error;

/// A descriptor in flight (unix(7), `SCM_RIGHTS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Address of the open file description of the socket at which the message waits; 0 where
    /// nobody has accepted the connection yet.
    pub socket: u64,
    /// Address of the one that the descriptor in the message refers to.
    pub file: u64,
}

/// How many messages of a socket are looked at, and how many descriptors in each: the program has
/// no loop. What lies behind them is not seen.
const MESSAGES: usize = 4;
const FILES: usize = 6;

/// Words of 64 bits for a message: its address, the number of descriptors, the descriptors.
const PER_MESSAGE: usize = 2 + FILES;
/// Words of a record: the socket, the address of its queue, the messages.
const WORDS: usize = 2 + MESSAGES * PER_MESSAGE;
const RECORD: usize = 8 * WORDS;
const START: i16 = -(RECORD as i16);

/// The context of the iterator, `struct bpf_iter__unix`.
mod context {
    pub const META: i16 = 0;
    pub const SOCKET: i16 = 8;
}

/// The descriptors in flight at all UNIX sockets of this network namespace.
///
/// # Errors
/// As [`super::task_file::TaskFile::rows`].
pub fn rows(btf: &Btf) -> Result<Vec<Row>, Error> {
    let function = btf.require_function("bpf_iter_unix")?;
    let mut rows = Vec::new();
    run("unix", &assemble(btf)?, function, |record| {
        rows.extend(read(record))
    })?;
    Ok(rows)
}

/// The queue is a ring: the message behind the last is the queue itself.
fn read(record: &[u8; RECORD]) -> Vec<Row> {
    let words: Vec<u64> = record
        .as_chunks()
        .0
        .iter()
        .map(|it| u64::from_ne_bytes(*it))
        .collect();
    let [socket, queue] = [words[0], words[1]];
    let messages = words[2..].chunks_exact(PER_MESSAGE);
    let waiting = messages.take_while(|message| message[0] != queue && message[0] != 0);
    let files = waiting.flat_map(|message| {
        let count = (message[1] as usize).min(FILES);
        &message[2..2 + count]
    });
    files.map(|&file| Row { socket, file }).collect()
}

/// The program. Behind the socket it goes from message to message by addresses that the verifier
/// knows nothing of.
fn assemble(btf: &Btf) -> Result<Vec<u64>, Error> {
    let of = |structure, member| btf.require_offset(structure, member);
    let word = |nth: usize| START + 8 * nth as i16;
    let mut program = Program::default();
    program.copy(R6, R1);
    program.load(Width::Bits64, R7, R6, context::SOCKET);
    program.exit_if_zero(R7);
    program.load(Width::Bits64, R8, R7, of("sock", "sk_socket")?);
    program.load(Width::Bits64, R8, R8, of("socket", "file")?);
    program.store(Width::Bits64, STACK, word(0), R8);
    let queue = of("sock", "sk_receive_queue")?;
    program.copy(R8, R7);
    program.add(R8, queue.into());
    program.store(Width::Bits64, STACK, word(1), R8);
    let rights = of("sk_buff", "cb")? + of("unix_skb_parms", "fp")?;
    let (count, files) = (of("scm_fp_list", "count")?, of("scm_fp_list", "fp")?);
    for nth in 0..MESSAGES {
        let at = 2 + nth * PER_MESSAGE;
        // `next` is the first member of a message and of the queue.
        match nth {
            0 => program.read_kernel(word(at), 8, R7, queue),
            _ => program.read_kernel(word(at), 8, R9, of("sk_buff", "next")?),
        }
        program.load(Width::Bits64, R9, STACK, word(at));
        program.read_kernel(word(at + 1), 8, R9, rights);
        program.load(Width::Bits64, R8, STACK, word(at + 1));
        // The count is of 16 bits: the rest of its word stays zero.
        program.set(R1, 0);
        program.store(Width::Bits64, STACK, word(at + 1), R1);
        program.read_kernel(word(at + 1), 2, R8, count);
        program.read_kernel(word(at + 2), 8 * FILES as i16, R8, files);
    }
    program.load(Width::Bits64, R1, R6, context::META);
    program.load(Width::Bits64, R1, R1, of("bpf_iter_meta", "seq")?);
    program.write_record(R1, START, RECORD as i16);
    Ok(program.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_ends_where_it_comes_back_to_itself() {
        let mut words = [0u64; WORDS];
        let message = |at: usize| 2 + at * PER_MESSAGE;
        (words[0], words[1]) = (7, 100);
        words[message(0)..message(0) + 4].copy_from_slice(&[101, 2, 8, 9]);
        // A message without descriptors.
        words[message(1)] = 102;
        words[message(2)..message(2) + 3].copy_from_slice(&[100, 1, 10]);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let rows = read(bytes.as_slice().try_into().unwrap());
        let row = |file| Row { socket: 7, file };
        assert_eq!(rows, [row(8), row(9)]);
    }
}
