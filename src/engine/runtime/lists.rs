//! The runtimes of accounts and regions, each listed once in a run, when it is first asked for.

use std::{cell::RefCell, collections::BTreeMap};

use futures_util::{
    FutureExt as _,
    future::{LocalBoxFuture, Shared},
};

use crate::effects::aws::{AwsError, Session, runtime::Runtimes, runtime_read::Named};

type List = Shared<LocalBoxFuture<'static, Result<Vec<Named>, AwsError>>>;

#[derive(Default)]
pub(crate) struct Lists {
    known: RefCell<BTreeMap<(String, String), List>>,
}

impl Lists {
    /// Returns the runtimes of the session's account and region.
    pub(crate) async fn of(&self, session: &Session) -> Result<Vec<Named>, AwsError> {
        let place = (session.account.to_string(), session.region.to_string());
        let list = {
            let mut known = self.known.borrow_mut();
            let list = known.entry(place).or_insert_with(|| {
                let runtimes = Runtimes::new(session);
                async move { runtimes.list().await }.boxed_local().shared()
            });
            list.clone()
        };
        list.await
    }
}
