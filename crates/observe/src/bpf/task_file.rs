//! Every descriptor of every process with the address of its open file description: the iterator
//! `task_file`. A thread that shares its process's table is not visited; a table that several
//! processes share is visited for each.

use super::btf::Btf;
use super::call::run;
use super::program::{Program, R1, R2, R3, R6, R7, R8, R9, Register, STACK, Width};
use crate::Error;
use crate::fdinfo::device;

/// A descriptor, as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Process id, in the system's first PID namespace.
    pub pid: i32,
    /// The thread by which its table was found, likewise.
    pub tid: i32,
    /// Descriptor number.
    pub fd: i32,
    /// File status flags with the access mode, as in fdinfo.
    pub status_flags: i32,
    /// Address of the open file description, `struct file`: the same for the same description, as
    /// long as that lives.
    pub file: u64,
    /// Address of the descriptor table.
    pub table: u64,
    /// How many references to the description there are, those of descriptors among them.
    pub references: u64,
    /// What the kind of file keeps for itself: of an epoll instance, its address.
    pub private: u64,
    /// File offset in bytes.
    pub offset: u64,
    /// Inode number.
    pub inode: u64,
    /// Kind and permissions of the inode, as in stat(2).
    pub mode: u32,
    /// Device of its file system, major and minor number.
    pub device: (u32, u32),
    /// Whether the descriptor closes on exec.
    pub close_on_exec: bool,
}

/// Bytes of a record, and where it begins on the program's stack, below a word for other use.
const RECORD: i16 = 80;
const START: i16 = -8 - RECORD;
const SCRATCH: i16 = -8;

/// Where the fields lie in the record, in the order in which [`Row::read`] takes them.
mod field {
    pub const TGID: i16 = 0;
    pub const PID: i16 = 4;
    pub const FD: i16 = 8;
    pub const FLAGS: i16 = 12;
    pub const FILE: i16 = 16;
    pub const TABLE: i16 = 24;
    pub const REFERENCES: i16 = 32;
    pub const PRIVATE: i16 = 40;
    pub const OFFSET: i16 = 48;
    pub const INODE: i16 = 56;
    pub const MODE: i16 = 64;
    pub const DEVICE: i16 = 68;
    pub const CLOSE_ON_EXEC: i16 = 72;
}

/// The context of the iterator, `struct bpf_iter__task_file`.
mod context {
    pub const META: i16 = 0;
    pub const TASK: i16 = 8;
    pub const FD: i16 = 16;
    pub const FILE: i16 = 24;
}

/// The iterator, ready for the kernel that runs.
#[derive(Debug)]
pub struct TaskFile {
    code: Vec<u64>,
    function: u32,
    /// Whether the counter is that of Linux before 6.13, which begins with 1.
    counts_from_one: bool,
}

impl TaskFile {
    /// Puts the program together.
    ///
    /// # Errors
    /// ENOENT where the kernel has no types; without number where they lack what is needed.
    pub fn new() -> Result<TaskFile, Error> {
        TaskFile::of(&Btf::kernel()?)
    }

    /// The same with types that were read before.
    ///
    /// # Errors
    /// As [`TaskFile::new`].
    pub fn of(btf: &Btf) -> Result<TaskFile, Error> {
        let (code, counts_from_one) = assemble(btf)?;
        Ok(TaskFile {
            code,
            function: btf.require_function("bpf_iter_task_file")?,
            counts_from_one,
        })
    }

    /// Every descriptor there is, in the order of processes and numbers. It is no picture of one
    /// moment: tables are read one after the other.
    ///
    /// # Errors
    /// EPERM without CAP_BPF and CAP_PERFMON; see the module for more.
    pub fn rows(&self) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        run("task_file", &self.code, self.function, |record| {
            rows.push(Row::read(record, self.counts_from_one));
        })?;
        Ok(rows)
    }
}

impl Row {
    fn read(record: &[u8; RECORD as usize], counts_from_one: bool) -> Row {
        let word = |at: i16| {
            let at = at as usize;
            let bytes = [record[at], record[at + 1], record[at + 2], record[at + 3]];
            u32::from_ne_bytes(bytes)
        };
        let long = |at: i16| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        // The iterator itself holds one reference. The newer counter begins with 0, so that it
        // shows how many others there are.
        let references = long(field::REFERENCES);
        Row {
            pid: word(field::TGID) as i32,
            tid: word(field::PID) as i32,
            fd: word(field::FD) as i32,
            status_flags: word(field::FLAGS) as i32 & !libc::O_CLOEXEC,
            file: long(field::FILE),
            table: long(field::TABLE),
            references: references.saturating_sub(counts_from_one.into()),
            private: long(field::PRIVATE),
            offset: long(field::OFFSET),
            inode: long(field::INODE),
            mode: word(field::MODE),
            device: device(word(field::DEVICE)),
            close_on_exec: long(field::CLOSE_ON_EXEC) != 0,
        }
    }
}

/// The program, and whether references are counted from one.
fn assemble(btf: &Btf) -> Result<(Vec<u64>, bool), Error> {
    let of = |structure, member| btf.require_offset(structure, member);
    let (references, counts_from_one) = match btf.offset("file", "f_ref") {
        Some(offset) => (offset, false),
        None => (of("file", "f_count")?, true),
    };
    let mut program = Program::default();
    program.copy(R6, R1);
    program.load(Width::Bits64, R7, R6, context::FILE);
    program.load(Width::Bits64, R8, R6, context::TASK);
    program.exit_if_zero(R7);
    program.exit_if_zero(R8);
    let mut keep = |width, from: Register, offset, field| {
        program.load(width, R1, from, offset);
        program.store(width, STACK, START + field, R1);
    };
    keep(Width::Bits32, R8, of("task_struct", "tgid")?, field::TGID);
    keep(Width::Bits32, R8, of("task_struct", "pid")?, field::PID);
    keep(Width::Bits64, R8, of("task_struct", "files")?, field::TABLE);
    keep(Width::Bits32, R6, context::FD, field::FD);
    keep(Width::Bits32, R7, of("file", "f_flags")?, field::FLAGS);
    keep(Width::Bits64, R7, references, field::REFERENCES);
    keep(
        Width::Bits64,
        R7,
        of("file", "private_data")?,
        field::PRIVATE,
    );
    keep(Width::Bits64, R7, of("file", "f_pos")?, field::OFFSET);
    program.store(Width::Bits64, STACK, START + field::FILE, R7);
    program.load(Width::Bits64, R9, R7, of("file", "f_inode")?);
    program.load(Width::Bits64, R1, R9, of("inode", "i_ino")?);
    program.store(Width::Bits64, STACK, START + field::INODE, R1);
    program.load(Width::Bits16, R1, R9, of("inode", "i_mode")?);
    program.store(Width::Bits32, STACK, START + field::MODE, R1);
    program.load(Width::Bits64, R1, R9, of("inode", "i_sb")?);
    program.load(Width::Bits32, R1, R1, of("super_block", "s_dev")?);
    program.store(Width::Bits32, STACK, START + field::DEVICE, R1);
    push_close_on_exec(&mut program, btf)?;
    program.load(Width::Bits64, R1, R6, context::META);
    program.load(Width::Bits64, R1, R1, of("bpf_iter_meta", "seq")?);
    program.write_record(R1, START, RECORD);
    Ok((program.finish(), counts_from_one))
}

/// Bit `fd` of the table's bitmap: the word that has it is copied by a helper, as the verifier
/// knows nothing of what a plain pointer leads to.
fn push_close_on_exec(program: &mut Program, btf: &Btf) -> Result<(), Error> {
    let of = |structure, member| btf.require_offset(structure, member);
    program.load(Width::Bits64, R1, R8, of("task_struct", "files")?);
    program.load(Width::Bits64, R1, R1, of("files_struct", "fdt")?);
    program.load(Width::Bits64, R3, R1, of("fdtable", "close_on_exec")?);
    program.load(Width::Bits32, R1, R6, context::FD);
    program.shift_right(R1, 6);
    program.shift_left(R1, 3);
    program.add_register(R3, R1);
    program.read_kernel(SCRATCH, 8, R3, 0);
    program.load(Width::Bits64, R1, STACK, SCRATCH);
    program.load(Width::Bits32, R2, R6, context::FD);
    program.and(R2, 63);
    program.shift_right_by(R1, R2);
    program.and(R1, 1);
    program.store(Width::Bits64, STACK, START + field::CLOSE_ON_EXEC, R1);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek, SeekFrom};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use nix::libc::{major, minor};

    use super::*;

    /// Those of this process, or none where the iterator is not allowed here.
    fn own_rows() -> Option<Vec<Row>> {
        let rows = TaskFile::new().and_then(|iterator| iterator.rows());
        match rows {
            Ok(rows) => {
                let own = std::process::id() as i32;
                Some(rows.into_iter().filter(|row| row.pid == own).collect())
            }
            Err(error) => {
                // A kernel without types, or a user without capabilities.
                let excuses = [Errno::EPERM, Errno::ENOENT];
                assert!(excuses.contains(&error.errno), "{error}");
                None
            }
        }
    }

    #[test]
    fn a_duplicate_has_the_same_description_and_a_second_open_another() {
        let mut file = File::open("/proc/self/exe").unwrap();
        let (duplicate, second) = (
            file.try_clone().unwrap(),
            File::open("/proc/self/exe").unwrap(),
        );
        fcntl(&duplicate, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        file.seek(SeekFrom::Start(5)).unwrap();
        let Some(rows) = own_rows() else { return };
        let row = |file: &File| *rows.iter().find(|row| row.fd == file.as_raw_fd()).unwrap();
        let (a, b, c) = (row(&file), row(&duplicate), row(&second));
        assert!(a.file == b.file && a.file != c.file);
        assert_eq!((a.references, c.references), (2, 1));
        assert_eq!((a.offset, c.offset), (5, 0));
        assert_eq!((a.close_on_exec, b.close_on_exec), (true, false));
        let metadata = file.metadata().unwrap();
        let device = (major(metadata.dev()), minor(metadata.dev()));
        assert_eq!(
            (a.inode, a.mode, a.device),
            (metadata.ino(), metadata.mode(), device)
        );
        let info = crate::fdinfo::read(a.pid, a.fd).unwrap();
        assert_eq!(a.status_flags, info.status_flags);
    }
}
