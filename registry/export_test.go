package registry

// Waiting returns how many statements wait for the sequencer.
func (r *Registry) Waiting() int { return len(r.queue) }
