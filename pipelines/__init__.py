"""The chains as compiled KFP pipelines, over one builder."""
