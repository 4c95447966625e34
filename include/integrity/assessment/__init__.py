"""How much the gates catch: errors are planted in real submissions, and the gates run on them in a sandbox."""
