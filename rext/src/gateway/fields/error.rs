use std::fmt;

/// Why the table `[gateway.fields]` is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldsError {
    /// No field can have this name.
    Name(String),
    /// The gateway needs this field, so it cannot be removed or set.
    Needed(String),
    /// The gateway itself sets this field, so the client's cannot be kept, and it cannot be set.
    Own(String),
    /// The field to keep would not be removed.
    NotRemoved(String),
    /// The field is to be removed or set, and to be kept.
    Contradiction(String),
    /// Two names to set are the same for some servers.
    SetTwice(String),
    /// Fields are set, but no scope is named.
    NoScopes,
    /// Scopes are named, but no field is set.
    NoFields,
}

impl fmt::Display for FieldsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(
                f,
                "{name:?} is not the name of a field: use letters, digits and hyphens; a list to remove or keep may \
                 have a final *"
            ),
            Self::Needed(name) => {
                write!(f, "the field {name:?} cannot be removed or set: the gateway needs it")
            }
            Self::Own(name) => write!(
                f,
                "the field {name:?} cannot be kept or set: the gateway sets it, and removes the client's"
            ),
            Self::NotRemoved(name) => write!(
                f,
                "the field {name:?} is not removed by default: take it out of the list of fields to keep"
            ),
            Self::Contradiction(name) => write!(
                f,
                "the field {name:?} is to be kept, and also to be removed or set: take it out of one of the lists"
            ),
            Self::SetTwice(name) => write!(
                f,
                "the field {name:?} is set twice: names that differ only in case or punctuation are the same"
            ),
            Self::NoScopes => f.write_str(
                "fields are set from client certificates, but no scope is named: add scopes = […] with the scopes \
                 whose certificates the servers behind may see",
            ),
            Self::NoFields => f.write_str(
                "scopes are named, but no field is set from client certificates: add the table [gateway.fields.set], \
                 or remove the scopes",
            ),
        }
    }
}

impl std::error::Error for FieldsError {}
