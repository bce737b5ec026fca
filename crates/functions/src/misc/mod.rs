//! The session and the query, errors on purpose, identifiers, types, URLs.

mod aes;
mod assertion;
mod char_length;
pub mod geospatial;
mod identifier;
mod package;
pub mod placement;
mod reflect;
mod session;
mod url;

use crate::{Entry, Kind};

/// The functions of this family.
pub const TABLE: &[Entry] = &[
    Entry { name: "__read_lengths", kind: Kind::Scalar(char_length::read) },
    Entry { name: "__store_lengths", kind: Kind::Scalar(char_length::store) },
    Entry { name: "aes_decrypt", kind: Kind::Scalar(aes::aes_decrypt) },
    Entry { name: "aes_encrypt", kind: Kind::Scalar(aes::aes_encrypt) },
    Entry { name: "assert_true", kind: Kind::Scalar(assertion::assert_true) },
    Entry { name: "current_catalog", kind: Kind::Scalar(session::current_catalog) },
    Entry { name: "current_path", kind: Kind::Scalar(session::current_path) },
    Entry { name: "current_database", kind: Kind::Scalar(session::current_schema) },
    Entry { name: "current_schema", kind: Kind::Scalar(session::current_schema) },
    Entry { name: "current_user", kind: Kind::Scalar(session::current_user) },
    Entry { name: "distributed_id", kind: Kind::Scalar(placement::distributed_id) },
    Entry { name: "distributed_sequence_id", kind: Kind::Scalar(placement::distributed_sequence_id) },
    Entry { name: "from_avro", kind: Kind::Scalar(crate::avro::functions::from_avro) },
    Entry { name: "from_protobuf", kind: Kind::Scalar(package::protobuf) },
    Entry { name: "input_file_block_length", kind: Kind::Scalar(placement::input_file_block_length) },
    Entry { name: "input_file_block_start", kind: Kind::Scalar(placement::input_file_block_start) },
    Entry { name: "input_file_name", kind: Kind::Scalar(placement::input_file_name) },
    Entry { name: "java_method", kind: Kind::Scalar(reflect::reflect) },
    Entry { name: "monotonically_increasing_id", kind: Kind::Scalar(placement::monotonically_increasing_id) },
    Entry { name: "parse_url", kind: Kind::Scalar(url::parse_url) },
    Entry { name: "raise_error", kind: Kind::Scalar(assertion::raise_error) },
    Entry { name: "reflect", kind: Kind::Scalar(reflect::reflect) },
    Entry { name: "schema_of_avro", kind: Kind::Scalar(crate::avro::functions::schema_of_avro) },
    Entry { name: "session_user", kind: Kind::Scalar(session::current_user) },
    Entry { name: "spark_partition_id", kind: Kind::Scalar(placement::spark_partition_id) },
    Entry { name: "st_asbinary", kind: Kind::Scalar(geospatial::as_binary) },
    Entry { name: "st_geogfromwkb", kind: Kind::Scalar(geospatial::geography) },
    Entry { name: "st_geomfromwkb", kind: Kind::Scalar(geospatial::geometry) },
    Entry { name: "st_setsrid", kind: Kind::Scalar(geospatial::with_srid) },
    Entry { name: "st_srid", kind: Kind::Scalar(geospatial::srid) },
    Entry { name: "to_avro", kind: Kind::Scalar(crate::avro::functions::to_avro) },
    Entry { name: "to_protobuf", kind: Kind::Scalar(package::protobuf) },
    Entry { name: "try_aes_decrypt", kind: Kind::Scalar(aes::try_aes_decrypt) },
    Entry { name: "try_parse_url", kind: Kind::Scalar(url::parse_url) },
    Entry { name: "try_reflect", kind: Kind::Scalar(reflect::try_reflect) },
    Entry { name: "try_url_decode", kind: Kind::Scalar(url::url_decode) },
    Entry { name: "typeof", kind: Kind::Scalar(session::type_of) },
    Entry { name: "unwrap_udt", kind: Kind::Scalar(session::unwrap_udt) },
    Entry { name: "url_decode", kind: Kind::Scalar(url::url_decode) },
    Entry { name: "url_encode", kind: Kind::Scalar(url::url_encode) },
    Entry { name: "user", kind: Kind::Scalar(session::current_user) },
    Entry { name: "uuid", kind: Kind::Scalar(identifier::uuid) },
    Entry { name: "version", kind: Kind::Scalar(session::version) },
];
