//! Requests and answers as the service's own JSON. The SDK signs, sends and repeats them, and drops every
//! member that it does not know: what is sent and what came is therefore taken past its types.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
            },
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use serde_json::{Map, Value};

/// Sends this document instead of the one that the SDK made.
#[derive(Debug)]
pub(super) struct Sent(Vec<u8>);

impl Sent {
    pub(super) fn new(document: Map<String, Value>) -> Self {
        Self(Value::Object(document).to_string().into_bytes())
    }
}

#[dyn_dispatch_hint]
impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "Sent"
    }

    // Once, before the request is signed for the first time.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let length = self.0.len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}

/// Keeps the document that an answer consists of.
#[derive(Debug, Clone, Default)]
pub(super) struct Received(Arc<Mutex<Map<String, Value>>>);

impl Received {
    /// Empty where the answer was no JSON object.
    pub(super) fn take(&self) -> Map<String, Value> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Received {
    fn name(&self) -> &'static str {
        "Received"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        let document = serde_json::from_slice(bytes).unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = document;
        Ok(())
    }
}
