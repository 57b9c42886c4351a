//! The processors that come with the agent.
