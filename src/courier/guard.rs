//! Where a message may go. An address comes from configuration, but a name is what somebody's server says it
//! is: private, local and reserved addresses are refused unless the sink allows the host by name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::Uri;

use super::task::Fault;

/// A place that may be connected to: the address that was checked is the one that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Checked address.
    pub(super) at: SocketAddr,
    /// Host as the receiver knows itself.
    pub(super) host: String,
    /// Host and port for the `Host` header.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
    /// With TLS.
    pub(super) is_tls: bool,
}

/// Checks an address and finds the place.
pub(super) async fn place(url: &str, allow: &[String]) -> Result<Place, Fault> {
    let uri: Uri = url.parse().map_err(|_| Fault::never("the address is none"))?;
    let is_tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(Fault::never("the address begins with neither https:// nor http://")),
    };
    let authority = uri.authority().ok_or_else(|| Fault::never("the address has no host"))?;
    if authority.as_str().contains('@') {
        return Err(Fault::never("the address holds a user name; give a token by `secret`"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
    let is_allowed = allow.iter().any(|a| a.eq_ignore_ascii_case(&host));
    if !is_tls && !is_allowed {
        return Err(Fault::never(format!(
            "{host} is spoken to without TLS: write https://, or name it in `allow`"
        )));
    }
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let at = resolved(&host, port, is_allowed).await?;
    let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_string();
    Ok(Place { at, host, authority: authority.to_string(), path, is_tls })
}

/// The first address of a host that may be connected to.
pub(super) async fn resolved(host: &str, port: u16, is_allowed: bool) -> Result<SocketAddr, Fault> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|e| Fault::again(format!("{host}: {e}")))?;
    let mut refused = None;
    for at in found {
        if is_allowed || is_public(at.ip()) {
            return Ok(at);
        }
        refused = Some(at.ip());
    }
    Err(match refused {
        Some(ip) => Fault::never(format!(
            "{host} is {ip}, which is no public address; name the host in `allow` if it is meant"
        )),
        None => Fault::again(format!("{host} has no address")),
    })
}

/// True for addresses of the public network.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    if let Some(inner) = ip.to_ipv4() {
        return is_public_v4(inner); // mapped and compatible forms, ::1 and :: among them
    }
    let embeds = (first == 0x64 && second == 0xff9b) || first == 0x2002 || (first == 0x2001 && second == 0);
    // 2000::/3 is what is given out; translated forms could lead back inside.
    (first & 0xe000) == 0x2000 && !embeds && !(first == 0x2001 && second == 0xdb8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a hook that reaches the cloud's metadata, this machine or the desk's network.
    #[test]
    fn private_local_and_reserved_addresses_are_no_receivers() {
        for ip in [
            "127.0.0.1",
            "169.254.169.254",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "::7f00:1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    /// Catches: plain text over the network, a name that leads inside, a token in the address.
    #[tokio::test]
    async fn an_address_is_checked_before_it_is_connected() {
        let no: &[String] = &[];
        for (url, word) in [
            ("http://example.com/x", "without TLS"),
            ("https://127.0.0.1/x", "no public address"),
            ("https://[::1]/x", "no public address"),
            ("https://localhost/x", "no public address"),
            ("https://user:pw@example.com/x", "user name"),
            ("file:///etc/passwd", "the address is none"),
            ("ftp://h/x", "neither https"),
        ] {
            let refused = place(url, no).await.unwrap_err();
            assert!(refused.words.contains(word) && !refused.is_passing, "{url}: {refused:?}");
        }
        let allowed = place("http://127.0.0.1:9093/api?x=1", &["127.0.0.1".into()]).await.unwrap();
        assert_eq!((allowed.at.port(), allowed.path.as_str()), (9093, "/api?x=1"));
    }
}
