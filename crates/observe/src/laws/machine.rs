//! The laws of the files of the machine.

use std::time::Duration;

use super::draw::Draw;
use super::read_line_by_line;
use crate::buddyinfo::Zone;
use crate::meminfo::MemInfo;
use crate::{buddyinfo, cgroup, cpu, cpu_model, cpus, huge_pages, meminfo, sysctl};

/// [`buddyinfo::parse`].
pub fn buddyinfo(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    read_line_by_line(data, |text| {
        buddyinfo::parse(&String::from_utf8_lossy(text))
    });
    let mut draw = Draw::new(data);
    let zone = Zone {
        node: draw.number() as u32,
        name: draw.word(),
        free: (0..draw.below(20)).map(|_| draw.number()).collect(),
    };
    let counts: String = zone
        .free
        .iter()
        .map(|count| format!("{count:6} "))
        .collect();
    let line = format!("Node {}, zone {:>8} {counts}\n", zone.node, zone.name);
    assert_eq!(buddyinfo::parse(&line), [zone]);
    for zone in buddyinfo::parse(&(line + &text)) {
        let shares: Vec<f64> = (0..70).map(|order| zone.unusable_share(order)).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        assert!(shares.is_sorted(), "a larger request finds less");
    }
}

/// [`cgroup::parse_cpu_stat`].
pub fn cpu_stat(data: &[u8]) {
    cgroup::parse_cpu_stat(&String::from_utf8_lossy(data));
    let mut draw = Draw::new(data);
    let (usage, user) = (draw.number(), draw.number());
    let text = format!("usage_usec {usage}\nuser_usec {user}\nsystem_usec 1\n");
    assert_eq!(
        cgroup::parse_cpu_stat(&text),
        Some(Duration::from_micros(usage))
    );
}

/// [`cgroup::parse_cpu_max`].
pub fn cpu_max(data: &[u8]) {
    let garbage = cgroup::parse_cpu_max(&String::from_utf8_lossy(data));
    assert!(garbage.is_none_or(|share| share.is_finite() && share > 0.0));
    let mut draw = Draw::new(data);
    let (quota, period) = (draw.number().max(1), draw.number().max(1));
    let share = cgroup::parse_cpu_max(&format!("{quota} {period}\n"));
    assert_eq!(share, Some(quota as f64 / period as f64));
    assert_eq!(cgroup::parse_cpu_max(&format!("max {period}\n")), None);
}

/// [`cpu::parse`]: /proc/stat.
pub fn proc_stat(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert_eq!(cpu::parse(&text, &[]), Some(Duration::ZERO));
    cpu::parse(&text, &[0, 1]);
    let mut draw = Draw::new(data);
    let ticks: [u64; 10] = [(); 10].map(|()| draw.number());
    let words: String = ticks.iter().map(|ticks| format!(" {ticks}")).collect();
    // Neither idle (3, 4) nor guests (8, 9), which are users, too.
    let busy = [0, 1, 2, 5, 6, 7]
        .into_iter()
        .map(|at| u128::from(ticks[at]));
    let busy = busy.sum::<u128>();
    let time = |ticks: u128| {
        Some(Duration::from_millis(
            (ticks * 10).min(u64::MAX.into()) as u64
        ))
    };
    let text = format!("cpu  1 2\ncpu0{words}\ncpu1{words}\ncpu10 7\nintr 5\n");
    assert_eq!(cpu::parse(&text, &[1]), time(busy));
    assert_eq!(cpu::parse(&text, &[0, 1]), time(2 * busy));
    assert_eq!(cpu::parse(&text, &[10]), None, "a line that is cut");
    assert_eq!(cpu::parse(&text, &[0, 2]), None, "a line that is missing");
}

/// [`cpu_model`].
pub fn cpuinfo(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(model) = cpu_model::parse(&text) {
        assert!(!model.contains('\n') && model.trim() == model);
    }
    let model = format!("A{}", Draw::new(data).name().to_string_lossy());
    let text = format!("processor\t: 0\nmodel\t\t: 6\nmodel name\t: {model}\nmodel name\t: B\n");
    assert_eq!(cpu_model::parse(&text).as_deref(), Some(model.trim()));
}

/// [`huge_pages::parse`] and [`huge_pages::parse_size`].
pub fn huge_pages(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let size = huge_pages::parse_size(&text);
    assert!(size.is_none_or(|size| size.is_power_of_two() && size <= 1 << 30));
    let word = huge_pages::parse(&text);
    assert!(word.is_none_or(|word| text.contains(&format!("[{word}]"))));
    let words = ["always", "madvise", "never", "defer", "within_size"];
    let chosen = words[Draw::new(data).below(5) as usize];
    let text = words.join(" ").replace(chosen, &format!("[{chosen}]"));
    assert_eq!(huge_pages::parse(&text), Some(chosen));
}

/// [`meminfo::parse`].
pub fn meminfo(data: &[u8]) {
    meminfo::parse(&String::from_utf8_lossy(data));
    let mut draw = Draw::new(data);
    let [available, anon_pages, anon_huge_pages, huge_page_size] =
        [(); 4].map(|()| draw.below(1 << 54));
    let (reserved, free) = (draw.number(), draw.number());
    let text = format!(
        "MemTotal:       24684084 kB\nMemAvailable:   {available:8} kB\n\
         AnonPages:      {anon_pages:8} kB\nAnonHugePages:  {anon_huge_pages:8} kB\n\
         HugePages_Total:   {reserved:5}\nHugePages_Free:    {free:5}\n\
         Hugepagesize:   {huge_page_size:8} kB\n"
    );
    let expected = MemInfo {
        available: Some(available * 1024),
        anon_pages: Some(anon_pages * 1024),
        anon_huge_pages: Some(anon_huge_pages * 1024),
        huge_page_size: Some(huge_page_size * 1024),
        huge_pages_reserved: Some(reserved),
        huge_pages_free: Some(free),
    };
    assert_eq!(meminfo::parse(&text), expected);
    let too_many = format!("MemAvailable: {} kB\n", u64::MAX / 1024 + 1);
    assert_eq!(meminfo::parse(&too_many).available, None, "no number wraps");
}

/// [`sysctl::parse`].
pub fn sysctl(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    sysctl::parse(&text);
    let number = Draw::new(data).number();
    for end in ["\n", "\t4096\t7\n", ""] {
        assert_eq!(sysctl::parse(&format!("{number}{end}")), Some(number));
    }
    assert_eq!(sysctl::parse(&format!("-{}\n", number.max(1))), None);
}

/// [`cpus::parse`].
pub fn cpu_list(data: &[u8]) {
    let garbage = cpus::parse(&String::from_utf8_lossy(data));
    assert!(garbage.len() <= 8192);
    // Ranges with gaps between them, as the kernel prints a mask: %*pbl.
    let mut draw = Draw::new(data);
    let mut next = 0;
    let mut ranges = Vec::new();
    let mut expected = Vec::new();
    for _ in 0..=draw.below(8) {
        let first = next + draw.below(50) as usize;
        let last = first + draw.below(40) as usize;
        next = last + 2;
        ranges.push(match last - first {
            0 => first.to_string(),
            _ => format!("{first}-{last}"),
        });
        expected.extend(first..=last);
    }
    assert_eq!(cpus::parse(&(ranges.join(",") + "\n")), expected);
}
