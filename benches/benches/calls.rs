// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Criterion's view of what calls cost.
#![allow(missing_docs, clippy::expect_used)] // criterion_group!'s functions; a failed bench has no caller

use std::path::Path;

use criterion::{criterion_group, criterion_main, Criterion};
use virtio_tee_benches::floor::{Eventfds, Futexes};
use virtio_tee_benches::{Bed, Kind};

fn floors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("floor");
    let eventfds = Eventfds::new().expect("eventfds");
    group.bench_function("eventfd exchange between threads", |bencher| {
        bencher.iter(|| eventfds.exchange().expect("exchange"));
    });
    let futexes = Futexes::new(Path::new(env!("CARGO_BIN_EXE_call-costs"))).expect("futexes");
    group.bench_function("futex exchange between processes", |bencher| {
        bencher.iter(|| futexes.exchange().expect("exchange"));
    });
    group.finish();
}

fn calls(criterion: &mut Criterion) {
    let mut bed = Bed::new().expect("a daemon with the probe TA");
    let mut group = criterion.benchmark_group("call");
    for kind in Kind::ALL {
        group.bench_function(kind.name(), |bencher| bencher.iter(|| bed.run(kind).expect("call")));
    }
    group.finish();
}

criterion_group!(benches, floors, calls);
criterion_main!(benches);
