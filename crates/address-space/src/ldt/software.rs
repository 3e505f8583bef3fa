//! Base and limit in software: what a machine without segments would have to do at every access.

/// A region of memory as a segment register sees it.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    memory: &'a [u8],
    base: usize,
    limit: usize,
}

impl<'a> Segment<'a> {
    /// A segment of `size` bytes from `base` on; `None` where the memory does not hold it.
    pub fn new(memory: &'a [u8], base: usize, size: usize) -> Option<Self> {
        memory.get(base..base.checked_add(size)?)?;
        Some(Segment {
            memory,
            base,
            limit: size,
        })
    }

    /// The byte at `offset`; `None` where the hardware would raise a fault.
    pub fn read(&self, offset: usize) -> Option<u8> {
        if offset >= self.limit {
            return None;
        }
        self.memory.get(self.base + offset).copied()
    }
}

/// First offset that is refused in a segment of `size` bytes at the start of one page.
pub fn first_refusal(size: usize) -> Option<usize> {
    let page = [7u8; 4096];
    let segment = Segment::new(&page, 0, size)?;
    (0..=page.len()).find(|&offset| segment.read(offset).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_where_reading_ends() {
        assert_eq!(first_refusal(1000), Some(1000));
        assert_eq!(first_refusal(4096), Some(4096));
        assert_eq!(first_refusal(4097), None, "more than there is");
        let memory = [1, 2, 3];
        let segment = Segment::new(&memory, 1, 1);
        assert_eq!(segment.and_then(|segment| segment.read(0)), Some(2));
    }
}
