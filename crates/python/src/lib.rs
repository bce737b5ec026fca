//! User code in Python runs in processes of its own: one parent an interpreter, which has imported what every task
//! needs, and workers that it forks, one a task at a time.
//!
//! Reading order: [`session`] (what a session lends to its tasks), [`program`] (what a worker is told to run),
//! [`pool`] (parents and workers), [`task`] (one partition's rows there and back), [`planner`] (questions). What a worker does with what it is
//! told is `python/firesteel/worker.py`; which rows go where is the business of `plan`'s operators.

pub mod accumulated;
pub mod encode;
mod parent;
pub mod planner;
pub mod pool;
pub mod program;
pub mod session;
pub mod task;

pub use accumulated::Accumulated;
pub use parent::SPARK_HOME_MARK;
pub use pool::{Pool, PoolConf};
pub use program::{Argument, Function, Program};
pub use session::{PythonSession, Traceback};
pub use task::{Answer, AnswerStream, BatchStream, ByteStream, TaskInfo, answers, call, run};
