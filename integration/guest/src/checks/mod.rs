// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The checks, one subject per file.

mod bad_input;
mod basic;
mod bench;
mod beside_vsock;
mod bytes;
mod conformance;
mod death;
mod fail_nth;
mod fuzz;
mod hold;
mod identity;
mod isolation;
mod memory_limits;
mod parameters;
mod sessions;
mod sha256;
mod sleepers;
mod stress;
mod throughput;
mod trusted_keys;
mod zero_copy;

use std::time::{Duration, Instant};

use serde_json::Value;
use tee_client::{Context, Error, Origin};

use crate::cli::{Check, Cli};
use crate::comparison;
use crate::report::{Failure, Outcome, Report};

/// How long a check waits for what must come before it calls it a hang.
const HANG: Duration = Duration::from_secs(60);

/// Makes the check that the command line asks for.
pub(crate) fn run(cli: &Cli, report: &mut Report) -> Outcome {
    let context = Context::open(&cli.device)?;
    match &cli.check {
        Check::Version { impl_id, impl_caps, gen_caps } => {
            basic::version(&context, report, *impl_id, *impl_caps, *gen_caps)
        }
        Check::Hello { ta, value } => basic::hello(&context, report, ta.uuid, *value),
        Check::Temporary { ta, count, size, user_buffer } => {
            basic::temporary(&context, report, ta.uuid, *count, *size, *user_buffer)
        }
        Check::Sha256 { ta, size, memory } => sha256::run(&context, report, ta.uuid, *size, *memory),
        Check::ZeroCopy { ta, layout, size, above } => {
            zero_copy::run(&context, report, ta.uuid, *layout, *size, *above)
        }
        Check::Parameters { ta } => parameters::run(&context, report, ta.uuid),
        Check::Bytes { ta, threads, rounds } => bytes::run(&cli.device, report, ta.uuid, *threads, *rounds),
        Check::Sessions { ta, count, same_ta: false } => {
            sessions::one_by_one(&context, report, ta.uuid, *count)
        }
        Check::Sessions { ta, count, same_ta: true } => sessions::at_once(&context, report, ta.uuid, *count),
        Check::Sleepers { ta, ms, calls, others } => {
            sleepers::run(&context, report, ta.uuid, *ms, *calls, *others)
        }
        Check::Panic { ta, sessions } => death::panic(&context, report, ta.uuid, *sessions),
        Check::Crash { ta, sessions } => death::crash(&context, report, ta.uuid, *sessions),
        Check::TargetDead { ta, ms } => death::from_outside(&context, report, ta.uuid, *ms),
        Check::BadInput { ta } => bad_input::run(&cli.device, &context, report, ta.uuid),
        Check::FuzzIoctls { ta, seconds, seed, threads } => {
            fuzz::run(&cli.device, &context, report, ta.uuid, *seconds, *seed, *threads)
        }
        Check::FailNth { ta } => {
            // Of contexts that are open, the driver would wait for the end.
            drop(context);
            fail_nth::run(&cli.device, report, ta.uuid)
        }
        Check::SessionScan { ta, max, also } => {
            isolation::run(&cli.device, &context, report, ta.uuid, *max, also)
        }
        Check::Hold { ta, ms, how, registered, sessions } => {
            hold::run(&context, report, ta.uuid, *ms, *how, *registered, *sessions)
        }
        Check::Stress { ta, threads, seconds } => {
            stress::run(&cli.device, report, ta.uuid, *threads, *seconds)
        }
        Check::MemoryLimits { ta } => memory_limits::run(&context, report, ta.uuid),
        Check::TrustedKeys { blob } => trusted_keys::run(report, blob.as_deref()),
        Check::Identity { ta } => identity::run(&context, report, ta.uuid),
        Check::Conformance { only, cancels_well, copy_up_to, calls } => {
            conformance::run(&cli.device, report, only, *cancels_well, *copy_up_to, *calls)
        }
        Check::Record { only } => comparison::run(&context, report, only),
        Check::Bench { ta, iterations, large } => bench::run(&context, report, ta.uuid, *iterations, *large),
        Check::BesideVsock { ta, port, iterations } => {
            beside_vsock::run(&context, report, ta.uuid, *port, *iterations)
        }
        Check::Throughput { ta, threads, seconds, work, wait } => {
            let task = wait.map_or(throughput::Task::Sum(*work), throughput::Task::Wait);
            throughput::run(&context, report, ta.uuid, usize::from(*threads), *seconds, task)
        }
    }
}

/// Holds iff a call failed with `ret`, from `origin`.
fn expect<T>(result: Result<T, Error>, ret: u32, origin: Origin) -> Outcome {
    match result {
        Ok(_) => Err(Failure::Wrong(format!("the call succeeded; {ret:#010x} from {origin} was due"))),
        Err(error) if (error.ret(), error.origin()) == (ret, origin) => Ok(()),
        Err(error) => Err(Failure::Wrong(format!("{error}; {ret:#010x} from {origin} was due"))),
    }
}

/// Waits until something is so.
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) -> Outcome {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > HANG {
            return Err(Failure::Wrong(format!("waited {HANG:?} in vain for: {what}")));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// What a thread has returned.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> Result<T, Failure> {
    thread.join().map_err(|_| Failure::Wrong("a thread of the check panicked".to_owned()))
}

/// A duration in whole milliseconds, for the report.
fn ms(duration: Duration) -> Value {
    (duration.as_millis() as u64).into()
}

/// The duration, in nanoseconds, that `percent` of the samples do not exceed (50: the median); zero of none.
fn percentile_ns(samples: &[Duration], percent: usize) -> u64 {
    let mut samples = samples.to_vec();
    samples.sort_unstable();
    let rank = (samples.len() * percent).div_ceil(100);
    samples.get(rank.saturating_sub(1)).map_or(0, |sample| sample.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_leaves_that_many_above() {
        let samples: Vec<_> = (1..=200).rev().map(Duration::from_nanos).collect();
        assert_eq!((percentile_ns(&samples, 50), percentile_ns(&samples, 99)), (100, 198));
        assert_eq!((percentile_ns(&samples[..1], 99), percentile_ns(&[], 99)), (200, 0));
        let median = |all: &[u64]| {
            percentile_ns(&all.iter().map(|ns| Duration::from_nanos(*ns)).collect::<Vec<_>>(), 50)
        };
        assert_eq!((median(&[]), median(&[7])), (0, 7));
        assert_eq!(median(&[1000, 2, 3, 1, 9]), 3);
    }

    #[test]
    fn only_the_result_that_was_due_will_do() {
        let failed = |ret, origin| Err::<(), _>(Error::Invoke { func: 1, ret, origin });
        assert!(expect(failed(5, Origin::Tee), 5, Origin::Tee).is_ok());
        assert!(expect(failed(5, Origin::TrustedApp), 5, Origin::Tee).is_err());
        assert!(expect(failed(6, Origin::Tee), 5, Origin::Tee).is_err());
        assert!(expect(Ok(()), 5, Origin::Tee).is_err());
    }
}
