//! What a browser may do with the page: nothing but draw it and run its own script.

/// The content of Content-Security-Policy: no request to anywhere, styles of the page itself, and
/// the one script with this hash (CSP Level 3). Whatever a hostile name smuggled into the page
/// could neither run nor load anything.
///
/// The hash is that of `page.js`: `openssl dgst -sha256 -binary page.js | base64`.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
                                 script-src 'sha256-25eHhugplhrzNFYHrKowtwKPgSpfBDu1sTC/wriu05c='; \
                                 base-uri 'none'; form-action 'none'";
