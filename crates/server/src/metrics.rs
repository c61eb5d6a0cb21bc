//! Prometheus metrics: the reference server's names, in both generations, and a few of our own.
//!
//! Invariant: recording a request costs a few atomic additions; the few dozen series are found by comparing a pointer's
//! worth of labels, and no label text is made for a request.

mod process;

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Upper bounds of the buckets of every histogram, as Prometheus clients choose them.
const BUCKETS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// All series of the server.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    series: RwLock<Vec<Series>>,
    /// Introspections that answered `active: false`.
    pub inactive_introspections: AtomicU64,
    /// Client authentications that failed.
    pub failed_authentications: AtomicU64,
    /// Rows that the server deleted because they had expired.
    pub expired_rows_deleted: AtomicU64,
    /// Grants that were sealed again under the newest system secret.
    pub grants_resealed: AtomicU64,
    /// 1 while older system secrets are listed and grants may be sealed under them, 0 once none is.
    pub resealing: AtomicU64,
    /// Clients that were told of a logout on the back channel.
    pub logout_notices_delivered: AtomicU64,
    /// Clients that could not be told and were given up.
    pub logout_notices_failed: AtomicU64,
}

/// What one route, method and status has seen.
#[derive(Debug)]
struct Series {
    endpoint: &'static str,
    method: Method,
    code: u16,
    duration: Histogram,
    request_size: Histogram,
    response_size: Histogram,
}

/// One answered request.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    /// Route template; empty for an unknown path.
    pub endpoint: &'static str,
    /// Method of the request.
    pub method: &'a http::Method,
    /// Status of the answer.
    pub code: u16,
    /// From reading the head to having the answer.
    pub took: Duration,
    /// Size of the request body as announced.
    pub request_bytes: u64,
    /// Size of the answer's body.
    pub response_bytes: u64,
}

/// Methods that get a label of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Other,
}

impl Method {
    fn of(method: &http::Method) -> Self {
        match method.as_str() {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Other => "unknown",
        }
    }
}

impl Series {
    fn record(&self, answered: &Answered<'_>) {
        let micros = u64::try_from(answered.took.as_micros()).unwrap_or(u64::MAX);
        self.duration.observe(answered.took.as_secs_f64(), micros);
        for (size, bytes) in [
            (&self.request_size, answered.request_bytes),
            (&self.response_size, answered.response_bytes),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "sizes far below 2^52")]
            size.observe(bytes as f64, bytes.saturating_mul(1_000_000));
        }
    }
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    /// Micro-units, so that it can be an integer.
    sum: AtomicU64,
}

impl Histogram {
    fn observe(&self, value: f64, micros: u64) {
        if let Some(bucket) = BUCKETS
            .iter()
            .position(|bound| value <= *bound)
            .and_then(|at| self.buckets.get(at))
        {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    fn add_to(&self, total: &mut Totals) {
        for (sum, bucket) in total.buckets.iter_mut().zip(&self.buckets) {
            *sum = sum.saturating_add(bucket.load(Ordering::Relaxed));
        }
        total.count = total
            .count
            .saturating_add(self.count.load(Ordering::Relaxed));
        total.sum = total.sum.saturating_add(self.sum.load(Ordering::Relaxed));
    }
}

#[derive(Debug, Default, Clone)]
struct Totals {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: u64,
}

impl Metrics {
    /// Records one answered request.
    pub(crate) fn request(&self, answered: &Answered<'_>) {
        let method = Method::of(answered.method);
        let is_it = |s: &Series| {
            s.endpoint == answered.endpoint && s.method == method && s.code == answered.code
        };
        {
            let known = self.series.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(series) = known.iter().find(|s| is_it(s)) {
                series.record(answered);
                return;
            }
        }
        let mut known = self.series.write().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(is_it) {
            known.push(Series {
                endpoint: answered.endpoint,
                method,
                code: answered.code,
                duration: Histogram::default(),
                request_size: Histogram::default(),
                response_size: Histogram::default(),
            });
        }
        if let Some(series) = known.iter().find(|s| is_it(s)) {
            series.record(answered);
        }
    }

    /// The Prometheus text form.
    ///
    /// Compat: every series has both names, `http_…` of v26 and the bare one of v1, so dashboards of either work.
    pub(crate) fn render(&self, version: &str) -> String {
        let constant = format!("app=\"hydra\",version=\"{version}\",hash=\"\",buildTime=\"\"");
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::with_capacity(16 * 1024);
        for prefix in ["http_", ""] {
            self.render_counters(&mut out, prefix, &constant, &series);
            render_histograms(&mut out, prefix, &constant, &series);
        }
        for (name, help, value) in [
            (
                "tessera_introspections_inactive_total",
                "Introspections that answered active false.",
                &self.inactive_introspections,
            ),
            (
                "tessera_client_authentications_failed_total",
                "Client authentications that failed.",
                &self.failed_authentications,
            ),
            (
                "tessera_expired_rows_deleted_total",
                "Expired rows deleted by the server itself.",
                &self.expired_rows_deleted,
            ),
            (
                "tessera_grants_resealed_total",
                "Grants sealed again under the newest system secret.",
                &self.grants_resealed,
            ),
            (
                "tessera_logout_notices_delivered_total",
                "Clients that were told of a logout on the back channel.",
                &self.logout_notices_delivered,
            ),
            (
                "tessera_logout_notices_failed_total",
                "Clients that could not be told of a logout and were given up.",
                &self.logout_notices_failed,
            ),
        ] {
            let value = value.load(Ordering::Relaxed);
            let _ = write!(
                out,
                "# HELP {name} {help}\n# TYPE {name} counter\n{name}{{{constant}}} {value}\n"
            );
        }
        let resealing = self.resealing.load(Ordering::Relaxed);
        let _ = write!(
            out,
            "# HELP tessera_resealing Whether grants may be left that an older system secret sealed.\n\
             # TYPE tessera_resealing gauge\ntessera_resealing{{{constant}}} {resealing}\n"
        );
        process::render(&mut out);
        out
    }

    fn render_counters(&self, out: &mut String, prefix: &str, constant: &str, series: &[Series]) {
        let _ = write!(
            out,
            "# HELP {prefix}requests_total Answered requests.\n# TYPE {prefix}requests_total counter\n"
        );
        for s in series {
            let count = s.duration.count.load(Ordering::Relaxed);
            let (endpoint, method, code) = (s.endpoint, s.method.label(), s.code);
            let _ = writeln!(
                out,
                "{prefix}requests_total{{{constant},code=\"{code}\",method=\"{method}\",endpoint=\"{endpoint}\"}} {count}"
            );
        }
        let _ = write!(
            out,
            "# HELP {prefix}requests_statuses_total Answered requests by class of status.\n\
             # TYPE {prefix}requests_statuses_total counter\n"
        );
        let mut classes: std::collections::BTreeMap<(String, &str), u64> = Default::default();
        for s in series {
            let class = match s.code / 100 {
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                5 => "5xx",
                _ => "unknown",
            };
            let total = classes
                .entry((s.method.label().to_ascii_uppercase(), class))
                .or_default();
            *total = total.saturating_add(s.duration.count.load(Ordering::Relaxed));
        }
        for ((method, class), count) in classes {
            let _ = writeln!(
                out,
                "{prefix}requests_statuses_total{{{constant},method=\"{method}\",status_bucket=\"{class}\"}} {count}"
            );
        }
    }
}

fn render_histograms(out: &mut String, prefix: &str, constant: &str, series: &[Series]) {
    type Labels = fn(&Series) -> String;
    type Pick = fn(&Series) -> &Histogram;
    let by_endpoint: Labels = |s| format!("endpoint=\"{}\"", s.endpoint);
    let by_code: Labels = |s| format!("code=\"{}\",method=\"{}\"", s.code, s.method.label());
    let by_all: Labels = |s| {
        format!(
            "code=\"{}\",method=\"{}\",endpoint=\"{}\"",
            s.code,
            s.method.label(),
            s.endpoint
        )
    };
    let duration: Pick = |s| &s.duration;
    let request_size: Pick = |s| &s.request_size;
    let response_size: Pick = |s| &s.response_size;
    let all: [(&str, &str, Labels, Pick); 4] = [
        (
            "response_time_seconds",
            "Time to answer, by route.",
            by_endpoint,
            duration,
        ),
        (
            "requests_duration_seconds",
            "Time to answer.",
            by_all,
            duration,
        ),
        (
            "requests_size_bytes",
            "Size of request bodies.",
            by_code,
            request_size,
        ),
        (
            "response_size_bytes",
            "Size of answers.",
            by_code,
            response_size,
        ),
    ];
    for (name, help, labels, pick) in all {
        let _ = write!(
            out,
            "# HELP {prefix}{name} {help}\n# TYPE {prefix}{name} histogram\n"
        );
        let mut totals: std::collections::BTreeMap<String, Totals> = Default::default();
        for s in series {
            pick(s).add_to(totals.entry(labels(s)).or_default());
        }
        for (labels, total) in totals {
            let labels = format!("{constant},{labels}");
            render_totals(out, &format!("{prefix}{name}"), &labels, &total);
        }
    }
}

fn render_totals(out: &mut String, name: &str, labels: &str, total: &Totals) {
    let mut cumulated = 0_u64;
    for (bound, count) in BUCKETS.iter().zip(total.buckets) {
        cumulated = cumulated.saturating_add(count);
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {cumulated}");
    }
    #[expect(clippy::cast_precision_loss, reason = "a sum for a chart")]
    let sum = total.sum as f64 / 1e6;
    let count = total.count;
    let _ = write!(
        out,
        "{name}_bucket{{{labels},le=\"+Inf\"}} {count}\n\
         {name}_sum{{{labels}}} {sum}\n\
         {name}_count{{{labels}}} {count}\n"
    );
}
