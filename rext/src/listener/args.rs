//! Options that all listeners have.

use clap::Args;

use super::network::Network;

/// Options that all listeners have.
#[derive(Clone, Debug, Default, Args)]
pub struct ListenerArgs {
    /// The maximum number of open connections of one client address (in IPv6, of one network of 64
    /// bits); further ones are closed at once. Without this option, only --max-connections holds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections_per_address: Option<u32>,
    /// Require a PROXY protocol header, version 1 or 2, on connections from this address or network,
    /// such as 10.0.0.0/8: a load balancer that sends one. The client's address in it then counts for
    /// rules, limits and logs. Other clients must not send one. May be given more than once
    #[arg(long, value_name = "ADDR|NETWORK", value_delimiter = ',')]
    pub proxy_protocol_from: Vec<Network>,
}
