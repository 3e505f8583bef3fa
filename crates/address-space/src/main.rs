//! address-space
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let s = if a[1] == "-g" {
        let k = address_space::trace::generate::Kind::ALL
            .iter()
            .find(|k| k.0 == a[2])
            .unwrap()
            .1;
        let (o, s) = address_space::trace::generate::generate(k, 300000, 1);
        address_space::replay::Source::Kept(o, s)
    } else {
        address_space::replay::Source::open(a[1].as_ref(), None).unwrap()
    };
    let t = std::time::Instant::now();
    let r = address_space::replay::replay(&s, &Default::default(), |p| {
        eprintln!("{:?} {p}", t.elapsed())
    })
    .unwrap();
    eprintln!("{:?}", t.elapsed());
    print!("{}", address_space::replay::table::table(&r));
}
