//! Every mapping of a file in every process, with the address of the open file description that it
//! keeps: the iterator `task_vma` (Linux 5.12).

use super::btf::Btf;
use super::call::run;
use super::program::{Program, R1, R6, R7, R8, R9, Register, STACK, Width};
use crate::Error;

/// A mapping, as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Process id, in the system's first PID namespace.
    pub pid: i32,
    /// First address.
    pub start: u64,
    /// Address of the open file description, `struct file`, to which the mapping is a reference.
    pub file: u64,
}

/// Bytes of a record, and where it begins on the program's stack.
const RECORD: i16 = 24;
const START: i16 = -RECORD;

mod field {
    pub const TGID: i16 = 0;
    pub const START: i16 = 8;
    pub const FILE: i16 = 16;
}

/// The context of the iterator, `struct bpf_iter__task_vma`.
mod context {
    pub const META: i16 = 0;
    pub const TASK: i16 = 8;
    pub const VMA: i16 = 16;
}

/// The mappings of files, of every process; threads share those of their process.
///
/// # Errors
/// As [`super::task_file::TaskFile::rows`].
pub fn rows(btf: &Btf) -> Result<Vec<Row>, Error> {
    let function = btf.require_function("bpf_iter_task_vma")?;
    let mut rows = Vec::new();
    run("task_vma", &assemble(btf)?, function, |record| {
        rows.push(Row::read(record))
    })?;
    Ok(rows)
}

impl Row {
    fn read(record: &[u8; RECORD as usize]) -> Row {
        let long = |at: i16| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&record[at as usize..at as usize + 8]);
            u64::from_ne_bytes(bytes)
        };
        Row {
            pid: long(field::TGID) as i32,
            start: long(field::START),
            file: long(field::FILE),
        }
    }
}

fn assemble(btf: &Btf) -> Result<Vec<u64>, Error> {
    let of = |structure, member| btf.require_offset(structure, member);
    let mut program = Program::default();
    program.copy(R6, R1);
    program.load(Width::Bits64, R7, R6, context::VMA);
    program.load(Width::Bits64, R8, R6, context::TASK);
    program.exit_if_zero(R7);
    program.exit_if_zero(R8);
    program.load(Width::Bits64, R9, R7, of("vm_area_struct", "vm_file")?);
    // Memory without a file.
    program.exit_if_zero(R9);
    program.store(Width::Bits64, STACK, START + field::FILE, R9);
    let mut keep = |width, from: Register, offset, field| {
        program.load(width, R1, from, offset);
        program.store(Width::Bits64, STACK, START + field, R1);
    };
    keep(Width::Bits32, R8, of("task_struct", "tgid")?, field::TGID);
    keep(
        Width::Bits64,
        R7,
        of("vm_area_struct", "vm_start")?,
        field::START,
    );
    program.load(Width::Bits64, R1, R6, context::META);
    program.load(Width::Bits64, R1, R1, of("bpf_iter_meta", "seq")?);
    program.write_record(R1, START, RECORD);
    Ok(program.finish())
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::maps;

    #[test]
    fn the_mapped_files_of_this_process() {
        let rows = Btf::kernel().and_then(|btf| rows(&btf));
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                // A kernel without types or without the iterator; a user without capabilities.
                let excuses = [Errno::EPERM, Errno::ENOENT, Errno::UnknownErrno];
                return assert!(excuses.contains(&error.errno), "{error}");
            }
        };
        let own = std::process::id() as i32;
        let exe = std::env::current_exe().unwrap();
        let maps = maps::read(own).unwrap();
        let of_exe = maps.iter().filter(|it| it.path == exe.as_os_str());
        let files: Vec<u64> = of_exe
            .map(|it| {
                let row = rows
                    .iter()
                    .find(|row| row.pid == own && row.start == it.start);
                row.unwrap_or_else(|| panic!("{it:?}")).file
            })
            .collect();
        assert!(files.len() > 1, "{maps:?}");
        assert!(
            files.iter().all(|&file| file == files[0]),
            "one description: {files:x?}"
        );
    }
}
