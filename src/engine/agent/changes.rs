//! All changes of an agent in one list: what a dry run shows, and what a run reports.

use super::{AgentPlan, Done};
use crate::{
    engine::{
        artifact::{Store, delivery::Delivery},
        build_project::BuildWork,
    },
    resources::{
        callers::CallersStep,
        change::{Change, Step},
        runtime::RuntimeStep,
    },
};

/// The parts that a run may do otherwise than planned, because others change something, too.
struct Parts<'a> {
    delivery: Option<Delivery>,
    steps: &'a [RuntimeStep],
    callers: &'a [CallersStep],
    unused: &'a [String],
}

impl AgentPlan<'_> {
    /// Returns what a run would change, in order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.list(&Parts {
            delivery: self.delivery(),
            steps: &self.steps,
            callers: self.callers_steps(),
            unused: &self.unused,
        })
    }

    fn delivery(&self) -> Option<Delivery> {
        let bytes = self.sending.bytes?;
        Some(Delivery::planned(&self.shipment, bytes))
    }

    fn list(&self, parts: &Parts<'_>) -> Vec<Change> {
        let Parts {
            delivery,
            steps,
            callers,
            unused,
        } = parts;
        let (compared, sending) = (&self.compared, &self.sending);
        let store = sending.store.as_ref();
        let mut all: Vec<Change> = self.role_steps().iter().map(Step::change).collect();
        all.extend(compared.build.iter().flat_map(BuildWork::changes));
        all.extend(sending.sources.iter().chain(store).flat_map(Store::changes));
        let artifact = &self.desired.fields.artifact;
        all.extend(delivery.and_then(|way| way.change(&self.shipment, artifact, store)));
        all.extend(steps.iter().map(Step::change));
        all.extend(callers.iter().map(Step::change));
        if let Some(store) = store {
            all.extend(unused.iter().map(|old| store.deletion(old)));
        }
        all
    }
}

impl Done<'_> {
    /// Returns what the run changed, in order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let shipped = self.shipped.as_ref().map(Delivery::done);
        self.plan.list(&Parts {
            delivery: shipped.or_else(|| self.plan.delivery()),
            steps: &self.outcome.steps,
            callers: &self.callers,
            unused: &self.pruned,
        })
    }
}
