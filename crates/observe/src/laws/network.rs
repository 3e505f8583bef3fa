//! The laws of what is told about sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::draw::Draw;
use super::read_line_by_line;
use crate::net_tcp::Row;
use crate::sock_diag::Socket;
use crate::tcp_info::TcpInfo;
use crate::{net_tcp, netstat, sock_diag, tcp_info};

fn draw_address(draw: &mut Draw<'_>, v6: bool) -> SocketAddr {
    let [high, low] = [draw.number(), draw.number()].map(u128::from);
    let ip = match v6 {
        true => IpAddr::V6(Ipv6Addr::from(high << 64 | low)),
        false => IpAddr::V4(Ipv4Addr::from(low as u32)),
    };
    SocketAddr::new(ip, draw.number() as u16)
}

/// The address in network order, four bytes for IPv4.
fn octets(address: SocketAddr) -> Vec<u8> {
    match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// [`net_tcp::parse`].
pub fn net_tcp(data: &[u8]) {
    read_line_by_line(data, |text| net_tcp::parse(&String::from_utf8_lossy(text)));
    let mut draw = Draw::new(data);
    let v6 = draw.flag();
    let row = Row {
        local: draw_address(&mut draw, v6),
        remote: draw_address(&mut draw, v6),
        state: draw.number() as u8,
        tx_queue: draw.number() as u32,
        rx_queue: draw.number() as u32,
        inode: draw.number(),
    };
    // get_tcp4_sock in net/ipv4/tcp_ipv4.c: words of 32 bits as the processor holds them.
    let print = |address: SocketAddr| {
        let words = octets(address);
        let words = words.as_chunks::<4>().0.iter();
        let words = words.map(|word| format!("{:08X}", u32::from_ne_bytes(*word)));
        format!("{}:{:04X}", words.collect::<String>(), address.port())
    };
    let line = format!(
        "{:4}: {} {} {:02X} {:08X}:{:08X} 00:00000000 00000000 {:5} {:8} {} 1 0000 100 0 0 10 0\n",
        7,
        print(row.local),
        print(row.remote),
        row.state,
        row.tx_queue,
        row.rx_queue,
        1000,
        0,
        row.inode
    );
    assert_eq!(net_tcp::parse(&line), [row]);
}

/// [`netstat::parse`].
pub fn netstat(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    netstat::parse(&text, "TcpExt", "ListenOverflows");
    let mut draw = Draw::new(data);
    let names = ["SyncookiesSent", "ListenOverflows", "ListenDrops"];
    let values: [u64; 3] = [(); 3].map(|()| draw.number());
    let words = values.map(|value| value.to_string());
    let text = format!(
        "IpExt: ListenDrops\nIpExt: 8\nTcpExt: {}\nTcpExt: {}\n",
        names.join(" "),
        words.join(" ")
    );
    for (name, value) in names.into_iter().zip(values) {
        assert_eq!(netstat::parse(&text, "TcpExt", name), Some(value));
    }
}

/// The answers of sock_diag: [`sock_diag::tcp_on`].
pub fn sock_diag(data: &[u8]) {
    // What comes first is read the same, however much of it comes.
    let read = |datagram: &[u8]| {
        let mut found = Vec::new();
        let end = sock_diag::parse(datagram, &mut found);
        (found, end)
    };
    let (found, _) = read(data);
    assert!(
        found.len() <= data.len() / 88,
        "a message has 16 + 72 bytes"
    );
    assert!(found.starts_with(&read(&data[..data.len() / 2]).0));
    let mut draw = Draw::new(data);
    let sockets: Vec<Socket> = (0..draw.below(4)).map(|_| draw_socket(&mut draw)).collect();
    let mut datagram: Vec<u8> = sockets.iter().flat_map(print_socket).collect();
    assert_eq!(read(&datagram), (sockets.clone(), Ok(false)));
    datagram.extend(message(3, &0_i32.to_ne_bytes()));
    datagram.extend(data);
    assert_eq!(
        read(&datagram),
        (sockets, Ok(true)),
        "nothing is read behind the end"
    );
}

fn draw_socket(draw: &mut Draw<'_>) -> Socket {
    let v6 = draw.flag();
    Socket {
        local: draw_address(draw, v6),
        remote: draw_address(draw, v6),
        state: draw.number() as u8,
        cookie: draw.number(),
        inode: draw.number() as u32,
        receive_queue: draw.number() as u32,
        send_queue: draw.number() as u32,
        uid: draw.number() as u32,
    }
}

/// `struct nlmsghdr` and `struct inet_diag_msg`, with an attribute behind.
fn print_socket(socket: &Socket) -> Vec<u8> {
    let family = if socket.local.is_ipv6() {
        libc::AF_INET6
    } else {
        libc::AF_INET
    };
    let mut body = vec![family as u8, socket.state, 0, 0];
    body.extend(socket.local.port().to_be_bytes());
    body.extend(socket.remote.port().to_be_bytes());
    for address in [socket.local, socket.remote] {
        let mut octets = octets(address);
        octets.resize(16, 0);
        body.extend(octets);
    }
    let cookie = [socket.cookie as u32, (socket.cookie >> 32) as u32];
    let (interface, expires) = (3, 0);
    let queues = [socket.receive_queue, socket.send_queue];
    let words = [
        interface, cookie[0], cookie[1], expires, queues[0], queues[1],
    ];
    for word in words.into_iter().chain([socket.uid, socket.inode]) {
        body.extend(word.to_ne_bytes());
    }
    // INET_DIAG_SHUTDOWN, five bytes, which are padded to eight behind the message.
    body.extend([5, 0, 8, 0, 3]);
    message(20, &body)
}

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.resize(16, 0);
    message.extend(body);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// [`tcp_info`].
pub fn tcp_info(data: &[u8]) {
    let mut bytes = [0; 32];
    for (byte, drawn) in bytes.iter_mut().zip(data) {
        *byte = *drawn;
    }
    let TcpInfo {
        state,
        unacked,
        sacked,
    } = tcp_info::parse(&bytes);
    assert_eq!(state, bytes[0]);
    assert_eq!(unacked.to_ne_bytes(), bytes[24..28]);
    assert_eq!(sacked.to_ne_bytes(), bytes[28..]);
}
