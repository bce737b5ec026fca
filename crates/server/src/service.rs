//! One method for each call of the Spark Connect service: find the session, do it, wrap the answer.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use firesteel_engine::SessionConf;
use firesteel_engine::python::PythonOperation;
use firesteel_protocol::SparkError;
use firesteel_protocol::connect as pb;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use pb::execute_plan_request::request_option::RequestOption;
use pb::interrupt_request::{Interrupt, InterruptType};
use pb::release_execute_request::Release;
use pb::spark_connect_service_server::SparkConnectService;
use tokio::runtime::Handle;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::artifact::Upload;
use crate::batch::BatchLimits;
use crate::error::{Failure, Result as FailureResult};
use crate::execute::{AbortOnDrop, ExecuteOptions, panicked};
use crate::operation::{Operation, Reader};
use crate::serve::{PROGRESS_INTERVAL, ServerConf, progress_interval};
use crate::session::{SessionHolder, Sessions, valid_uuid};
use crate::{compression, config, execute};

/// Clients may wish for chunks, but not for smaller ones.
const MIN_CHUNK_BYTES: usize = 1024;

/// Our clients send `SparkContext.setLocalProperty` along as tags: this, then key and value in hexadecimal digits.
const LOCAL_PROPERTY: &str = "firesteel-property-";

fn local_properties(tags: &[String]) -> BTreeMap<String, String> {
    let text = |digits: &str| {
        let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
        String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
    };
    let pair = |tag: &String| {
        let (key, value) = tag.strip_prefix(LOCAL_PROPERTY)?.split_once('-')?;
        Some((text(key)?, text(value)?))
    };
    tags.iter().filter_map(pair).collect()
}

/// The service. Calls run where tonic runs them, queries on a runtime of their own, so that a busy
/// query cannot keep an interrupt waiting.
pub(crate) struct Service {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) conf: Arc<ServerConf>,
    pub(crate) queries: Handle,
}

type ResponseStream = BoxStream<'static, Result<pb::ExecutePlanResponse, Status>>;
type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SparkConnectService for Service {
    type ExecutePlanStream = ResponseStream;
    type ReattachExecuteStream = ResponseStream;

    async fn execute_plan(&self, request: Request<pb::ExecutePlanRequest>) -> Answer<ResponseStream> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.clone();
        let session = self.session(&request.user_context, &request.session_id, observed.as_deref())?;
        let reader = self.start(&session, request).map_err(|failure| session.status(&failure))?;
        Ok(Response::new(reader.into_stream().boxed()))
    }

    async fn analyze_plan(&self, request: Request<pb::AnalyzePlanRequest>) -> Answer<pb::AnalyzePlanResponse> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id;
        let session = self.session(&request.user_context, &request.session_id, observed.as_deref())?;
        let result = self.analyze(&session, request.analyze).await.map_err(|failure| session.status(&failure))?;
        session.touch();
        Ok(Response::new(pb::AnalyzePlanResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id(),
            result: Some(result),
        }))
    }

    async fn config(&self, request: Request<pb::ConfigRequest>) -> Answer<pb::ConfigResponse> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id;
        let session = self.session(&request.user_context, &request.session_id, observed.as_deref())?;
        let result = config::run(session.session.conf(), request.operation);
        let mut result = result.map_err(|failure| session.status(&failure))?;
        for pair in result.pairs.iter_mut().filter(|pair| pair.key == config::UI_URL) {
            pair.value = session.session.engine.listener().and_then(|listener| listener.ui_url(&session.session));
        }
        if result.pairs.iter().any(|pair| config::ASKED_FOR_PYTHON.contains(&pair.key.as_str())) {
            let _runtime = self.queries.enter();
            session.session.warm_python();
        }
        Ok(Response::new(pb::ConfigResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id(),
            pairs: result.pairs,
            warnings: result.warnings,
        }))
    }

    async fn add_artifacts(
        &self,
        request: Request<Streaming<pb::AddArtifactsRequest>>,
    ) -> Answer<pb::AddArtifactsResponse> {
        let mut requests = request.into_inner();
        let Some(first) = requests.message().await? else {
            return Err(Status::invalid_argument("AddArtifacts needs at least one message"));
        };
        let session_id = first.session_id.clone();
        let observed = first.client_observed_server_side_session_id.clone();
        let session = self.session(&first.user_context, &session_id, observed.as_deref())?;
        let mut upload = Upload::default();
        let mut next = Some(first);
        while let Some(message) = next {
            upload.add(message.payload).map_err(|failure| session.status(&failure))?;
            next = requests.message().await?;
        }
        let holder = session.clone();
        let stored = tokio::task::spawn_blocking(move || upload.store(&holder.session)).await;
        let stored = stored.unwrap_or_else(|error| Err(SparkError::internal(error.to_string()).into()));
        let artifacts = stored.map_err(|failure| session.status(&failure))?;
        Ok(Response::new(pb::AddArtifactsResponse {
            session_id,
            server_side_session_id: session.server_side_id(),
            artifacts,
        }))
    }

    async fn artifact_status(
        &self,
        request: Request<pb::ArtifactStatusesRequest>,
    ) -> Answer<pb::ArtifactStatusesResponse> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id;
        let session = self.session(&request.user_context, &request.session_id, observed.as_deref())?;
        let status = |name: String| {
            let exists = session.session.artifacts().has_blob(&name);
            (name, pb::artifact_statuses_response::ArtifactStatus { exists })
        };
        Ok(Response::new(pb::ArtifactStatusesResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id(),
            statuses: request.names.into_iter().map(status).collect(),
        }))
    }

    async fn interrupt(&self, request: Request<pb::InterruptRequest>) -> Answer<pb::InterruptResponse> {
        let request = request.into_inner();
        let observed = request.client_observed_server_side_session_id.clone();
        let session = self.session(&request.user_context, &request.session_id, observed.as_deref())?;
        let interrupted_ids = interrupt(&session, &request).map_err(|failure| session.status(&failure))?;
        Ok(Response::new(pb::InterruptResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id(),
            interrupted_ids,
        }))
    }

    async fn reattach_execute(&self, request: Request<pb::ReattachExecuteRequest>) -> Answer<ResponseStream> {
        let request = request.into_inner();
        let session = self.existing(
            &request.user_context,
            &request.session_id,
            request.client_observed_server_side_session_id.as_deref(),
        )?;
        let operation = session.operation(&request.operation_id).map_err(|failure| session.status(&failure))?;
        let index = match request.last_response_id.as_deref() {
            None | Some("") => Ok(1),
            Some(last) => operation.buffer.index_after(last),
        };
        let index = index.map_err(|failure| session.status(&failure))?;
        Ok(Response::new(Reader::attach(session, operation, index).into_stream().boxed()))
    }

    async fn release_execute(&self, request: Request<pb::ReleaseExecuteRequest>) -> Answer<pb::ReleaseExecuteResponse> {
        let request = request.into_inner();
        let session = self.existing(
            &request.user_context,
            &request.session_id,
            request.client_observed_server_side_session_id.as_deref(),
        )?;
        let released = release(&session, &request).map_err(|failure| session.status(&failure))?;
        Ok(Response::new(pb::ReleaseExecuteResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id(),
            // Nothing to release is no error: clients release what has ended by itself.
            operation_id: released.then_some(request.operation_id),
        }))
    }

    async fn release_session(&self, request: Request<pb::ReleaseSessionRequest>) -> Answer<pb::ReleaseSessionResponse> {
        let request = request.into_inner();
        let released = self.sessions.release(&request.user_context, &request.session_id, request.allow_reconnect);
        let session = released.map_err(|failure| failure.to_status(None))?;
        Ok(Response::new(pb::ReleaseSessionResponse {
            session_id: request.session_id,
            server_side_session_id: session.map(|session| session.server_side_id()).unwrap_or_default(),
        }))
    }

    async fn fetch_error_details(
        &self,
        request: Request<pb::FetchErrorDetailsRequest>,
    ) -> Answer<pb::FetchErrorDetailsResponse> {
        let request = request.into_inner();
        let session = self.sessions.get(&request.user_context, &request.session_id).ok();
        let error = session.as_ref().and_then(|session| session.error(&request.error_id));
        Ok(Response::new(pb::FetchErrorDetailsResponse {
            session_id: request.session_id,
            server_side_session_id: session.map(|session| session.server_side_id()).unwrap_or_default(),
            root_error_idx: error.as_ref().map(|_| 0),
            errors: error.iter().map(Failure::to_details).collect(),
        }))
    }

    async fn clone_session(&self, request: Request<pb::CloneSessionRequest>) -> Answer<pb::CloneSessionResponse> {
        let request = request.into_inner();
        let session = self.existing(
            &request.user_context,
            &request.session_id,
            request.client_observed_server_side_session_id.as_deref(),
        )?;
        let clone = self.sessions.clone_session(&request.user_context, &session, request.new_session_id.as_deref());
        let clone = clone.map_err(|failure| session.status(&failure))?;
        Ok(Response::new(pb::CloneSessionResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id(),
            new_session_id: clone.session.id().to_owned(),
            new_server_side_session_id: clone.server_side_id(),
        }))
    }

    async fn get_status(&self, request: Request<pb::GetStatusRequest>) -> Answer<pb::GetStatusResponse> {
        let request = request.into_inner();
        let session = self.existing(
            &request.user_context,
            &request.session_id,
            request.client_observed_server_side_session_id.as_deref(),
        )?;
        let statuses = request.operation_status.map(|wanted| session.statuses(&wanted.operation_ids));
        let status = |(operation_id, state)| pb::get_status_response::OperationStatus {
            operation_id,
            state: i32::from(state),
            extensions: vec![],
        };
        Ok(Response::new(pb::GetStatusResponse {
            session_id: request.session_id,
            server_side_session_id: session.server_side_id(),
            operation_statuses: statuses.into_iter().flatten().map(status).collect(),
            extensions: vec![],
        }))
    }
}

impl Service {
    /// The session of a request, made when it is new.
    fn session(
        &self,
        user: &Option<pb::UserContext>,
        session_id: &str,
        observed: Option<&str>,
    ) -> Result<Arc<SessionHolder>, Status> {
        let session = self.sessions.get_or_create(user, session_id, observed);
        checked(session, session_id, observed)
    }

    /// The session of a request that cannot start one.
    fn existing(
        &self,
        user: &Option<pb::UserContext>,
        session_id: &str,
        observed: Option<&str>,
    ) -> Result<Arc<SessionHolder>, Status> {
        checked(self.sessions.get(user, session_id), session_id, observed)
    }

    /// Starts the operation of a request, or finds it when the client repeats itself.
    fn start(&self, session: &Arc<SessionHolder>, request: pb::ExecutePlanRequest) -> FailureResult<Reader> {
        let operation_id = match request.operation_id {
            Some(id) if !id.is_empty() => id,
            _ => Uuid::new_v4().to_string(),
        };
        valid_uuid(&operation_id)?;
        request.tags.iter().try_for_each(|tag| valid_tag(tag))?;
        let plan = compression::decompress(request.plan.unwrap_or_default())?;
        if plan.op_type.is_none() {
            return Err(SparkError::new("CONNECT_INVALID_PLAN.INVALID_ONE_OF_FIELD_NOT_SET")
                .with("fullName", "spark.connect.Plan")
                .with("name", "OPTYPE_NOT_SET")
                .into());
        }
        let (reattachable, options) = self.options(session.session.conf(), request.request_options)?;

        let kept_plan = reattachable.then(|| Arc::new(plan.clone()));
        let (properties, tags): (Vec<_>, Vec<_>) =
            request.tags.into_iter().partition(|tag| tag.starts_with(LOCAL_PROPERTY));
        let python = PythonOperation::new(local_properties(&properties));
        let operation = Operation::new(operation_id, tags, kept_plan, self.conf.retry_buffer_bytes);
        let (operation, is_new) = session.register(operation)?;
        let reader = Reader::attach(session.clone(), operation.clone(), 1);
        if is_new {
            execute::start(&self.queries, session.clone(), operation, plan, options, python);
        }
        Ok(reader)
    }

    /// What a client asks for and its session says; unknown options are those of later versions and change no result.
    fn options(
        &self,
        conf: &SessionConf,
        wanted: Vec<pb::execute_plan_request::RequestOption>,
    ) -> FailureResult<(bool, ExecuteOptions)> {
        let max_bytes = self.conf.max_batch_bytes;
        let mut reattachable = false;
        let mut chunk_bytes = None;
        for option in wanted {
            match option.request_option {
                Some(RequestOption::ReattachOptions(reattach)) => reattachable = reattach.reattachable,
                Some(RequestOption::ResultChunkingOptions(chunking)) => {
                    let preferred = chunking.preferred_arrow_chunk_size.and_then(|size| usize::try_from(size).ok());
                    let preferred = preferred.filter(|size| (MIN_CHUNK_BYTES..=max_bytes).contains(size));
                    let size = preferred.unwrap_or(max_bytes);
                    chunk_bytes = chunking.allow_arrow_batch_chunking.then_some(size);
                }
                Some(RequestOption::Extension(_)) | None => {}
            }
        }
        let split_bytes = max_bytes - max_bytes / 16;
        let target_bytes = self.conf.target_batch_bytes.min(split_bytes);
        let limits = BatchLimits { target_bytes, split_bytes, max_bytes, chunk_bytes };
        let own = conf.get_with_default(PROGRESS_INTERVAL, None)?;
        let progress_interval = own.and_then(|text| progress_interval(&text)).unwrap_or(self.conf.progress_interval);
        Ok((reattachable, ExecuteOptions { limits, progress_interval }))
    }

    async fn analyze(
        &self,
        session: &Arc<SessionHolder>,
        analyze: Option<pb::analyze_plan_request::Analyze>,
    ) -> FailureResult<pb::analyze_plan_response::Result> {
        let Some(analyze) = analyze else {
            let unknown = SparkError::new("CONNECT_INVALID_PLAN.UNKNOWN_ANALYZE_METHOD");
            return Err(unknown.with("other", "ANALYZE_NOT_SET").into());
        };
        let analyze = compression::decompress_analysis(analyze)?;
        let holder = session.clone();
        let mut task = AbortOnDrop(self.queries.spawn(async move {
            let work = AssertUnwindSafe(holder.session.analyze(analyze)).catch_unwind().await;
            work.map_or_else(|panic| Err(panicked(panic.as_ref())), |result| result.map_err(Failure::from))
        }));
        (&mut task.0).await.unwrap_or_else(|_| Err(Failure::canceled()))
    }
}

/// An error before the session is known has no id by which its details could be fetched.
fn checked(
    session: FailureResult<Arc<SessionHolder>>,
    session_id: &str,
    observed: Option<&str>,
) -> Result<Arc<SessionHolder>, Status> {
    let session = session.map_err(|failure| failure.to_status(None))?;
    session.check_observed(session_id, observed).map_err(|failure| session.status(&failure))?;
    Ok(session)
}

fn valid_tag(tag: &str) -> FailureResult<()> {
    match tag {
        "" => Err(Failure::illegal_argument("Spark Connect tag cannot be an empty string.")),
        tag if tag.contains(',') => Err(Failure::illegal_argument("Spark Connect tag cannot contain ','.")),
        _ => Ok(()),
    }
}

fn interrupt(session: &SessionHolder, request: &pb::InterruptRequest) -> FailureResult<Vec<String>> {
    let missing = |condition: &str, parameter: &str| {
        SparkError::new(condition).with("parameter", parameter).with("functionName", "interrupt").into()
    };
    match (InterruptType::try_from(request.interrupt_type), &request.interrupt) {
        (Ok(InterruptType::All), _) => Ok(session.interrupt(|_| true)),
        (Ok(InterruptType::Tag), Some(Interrupt::OperationTag(tag))) => {
            Ok(session.interrupt(|operation| operation.tags.contains(tag)))
        }
        (Ok(InterruptType::Tag), _) => {
            Err(missing("INVALID_PARAMETER_VALUE.INTERRUPT_TYPE_TAG_REQUIRES_TAG", "operation_tag"))
        }
        (Ok(InterruptType::OperationId), Some(Interrupt::OperationId(id))) => {
            Ok(session.interrupt(|operation| operation.id == *id))
        }
        (Ok(InterruptType::OperationId), _) => {
            Err(missing("INVALID_PARAMETER_VALUE.INTERRUPT_TYPE_OPERATION_ID_REQUIRES_ID", "operation_id"))
        }
        (Ok(InterruptType::Unspecified), _) => Err(unknown_interrupt("INTERRUPT_TYPE_UNSPECIFIED")),
        (Err(_), _) => Err(unknown_interrupt("UNRECOGNIZED")),
    }
}

fn unknown_interrupt(name: &str) -> Failure {
    SparkError::new("UNSUPPORTED_FEATURE.INTERRUPT_TYPE").with("interruptType", name).into()
}

/// False when the session does not hold the operation.
fn release(session: &SessionHolder, request: &pb::ReleaseExecuteRequest) -> FailureResult<bool> {
    let Some(operation) = session.find_operation(&request.operation_id) else { return Ok(false) };
    if !operation.reattachable {
        return Err(SparkError::new("INVALID_CURSOR.NOT_REATTACHABLE").into());
    }
    match &request.release {
        Some(Release::ReleaseAll(_)) => session.release(&operation.id),
        Some(Release::ReleaseUntil(until)) => operation.buffer.release_until(&until.response_id)?,
        None => {
            return Err(Failure::unsupported_operation("Unknown ReleaseExecute type!"));
        }
    }
    Ok(true)
}
