//! End to end on real networks, and the measurements of `./dev measure`.
//!
//! [`world`] makes schools out of network namespaces; [`collector`] and [`machine`] run the real programs in them;
//! [`client`] is a second, independent writing of the wire, for what a good agent never says; [`measure`] measures.
//!
//! Without any network: [`sim`] is a simulated world under the real store and engine, on a virtual clock; [`year`] lives
//! through a generated school year in it.

pub mod agreement;
pub mod chaos;
pub mod client;
pub mod collector;
pub mod fake;
pub mod haproxy;
pub mod load;
pub mod look;
pub mod machine;
pub mod measure;
pub mod netns;
pub mod outside;
pub mod process;
pub mod relay;
pub mod replicas;
pub mod scenario;
pub mod sim;
pub mod smbios;
pub mod stage;
pub mod store;
pub mod wait;
pub mod web;
pub mod world;
pub mod year;
