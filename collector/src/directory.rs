//! (being written) The national directory of schools.

use vigie_shared::uai::Uai;

/// One school of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolRow {
    /// National number, check letter verified.
    pub uai: Uai,
    /// Name.
    pub name: String,
    /// Kind, such as `Collège`.
    pub kind: String,
    /// Town.
    pub town: String,
    /// Postcode.
    pub postcode: String,
    /// Académie.
    pub academy: String,
    /// Département.
    pub department: String,
    /// Basin, when the file names one.
    pub basin: Option<String>,
}
