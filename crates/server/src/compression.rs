//! Plans that a client has compressed, wherever a message carries a plan.

use bytes::Bytes;
use firesteel_protocol::SparkError;
use firesteel_protocol::connect as pb;
use pb::analyze_plan_request::Analyze;
use pb::plan::compressed_operation::OpType as CompressedType;
use prost::Message;

use crate::error::{Failure, Result};

/// A plan may grow to this many bytes; a hostile message could ask for all memory.
const MAX_PLAN_BYTES: usize = 2 << 30;

/// Replaces a compressed operation by the relation or command in it.
pub(crate) fn decompress(plan: pb::Plan) -> Result<pb::Plan> {
    let Some(pb::plan::OpType::CompressedOperation(compressed)) = plan.op_type else { return Ok(plan) };
    match pb::CompressionCodec::try_from(compressed.compression_codec) {
        Ok(pb::CompressionCodec::Zstd) => {}
        _ => return Err(unknown_codec(compressed.compression_codec)),
    }
    let op_type = match CompressedType::try_from(compressed.op_type) {
        Ok(CompressedType::Relation) => {
            pb::plan::OpType::Root(pb::Relation::decode(unpack(&compressed.data)?).map_err(cannot_parse)?)
        }
        Ok(CompressedType::Command) => {
            pb::plan::OpType::Command(pb::Command::decode(unpack(&compressed.data)?).map_err(cannot_parse)?)
        }
        _ => {
            let inner = SparkError::new("CONNECT_INVALID_PLAN.INVALID_ONE_OF_FIELD_NOT_SET")
                .with("fullName", "spark.connect.Plan.CompressedOperation")
                .with("name", "OP_TYPE_UNSPECIFIED");
            return Err(cannot_parse(inner));
        }
    };
    Ok(pb::Plan { op_type: Some(op_type) })
}

/// The same for every plan of an analysis.
pub(crate) fn decompress_analysis(mut analyze: Analyze) -> Result<Analyze> {
    match &mut analyze {
        Analyze::Schema(schema) => in_place(&mut schema.plan)?,
        Analyze::Explain(explain) => in_place(&mut explain.plan)?,
        Analyze::TreeString(tree) => in_place(&mut tree.plan)?,
        Analyze::IsLocal(is_local) => in_place(&mut is_local.plan)?,
        Analyze::IsStreaming(is_streaming) => in_place(&mut is_streaming.plan)?,
        Analyze::InputFiles(files) => in_place(&mut files.plan)?,
        Analyze::SemanticHash(hash) => in_place(&mut hash.plan)?,
        Analyze::SameSemantics(same) => {
            in_place(&mut same.target_plan)?;
            in_place(&mut same.other_plan)?;
        }
        Analyze::SparkVersion(_)
        | Analyze::DdlParse(_)
        | Analyze::Persist(_)
        | Analyze::Unpersist(_)
        | Analyze::GetStorageLevel(_)
        | Analyze::JsonToDdl(_) => {}
    }
    Ok(analyze)
}

fn in_place(plan: &mut Option<pb::Plan>) -> Result<()> {
    *plan = plan.take().map(decompress).transpose()?;
    Ok(())
}

fn unpack(data: &[u8]) -> Result<Bytes> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(data).map_err(cannot_parse)?;
    let mut plan = Vec::with_capacity(data.len().saturating_mul(4));
    let limit = u64::try_from(MAX_PLAN_BYTES).expect("2 GiB fits");
    std::io::copy(&mut std::io::Read::take(&mut decoder, limit + 1), &mut plan).map_err(cannot_parse)?;
    if plan.len() > MAX_PLAN_BYTES {
        return Err(cannot_parse(format!("the plan is larger than {MAX_PLAN_BYTES} bytes")));
    }
    Ok(Bytes::from(plan))
}

fn cannot_parse(cause: impl std::fmt::Display) -> Failure {
    SparkError::new("CONNECT_INVALID_PLAN.CANNOT_PARSE").with("errorMsg", cause.to_string()).into()
}

fn unknown_codec(number: i32) -> Failure {
    let name = match number {
        0 => "COMPRESSION_CODEC_UNSPECIFIED",
        _ => "UNRECOGNIZED",
    };
    SparkError::new("CONNECT_INVALID_PLAN.INVALID_ENUM")
        .with("fullName", "spark.connect.CompressionCodec")
        .with("name", name)
        .with("number", number.to_string())
        .into()
}
