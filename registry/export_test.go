package registry

// HoldSequencer keeps the sequencer from its next batch until release is
// called.
func (r *Registry) HoldSequencer() (release func()) {
	r.write.Lock()
	return r.write.Unlock
}

// Waiting returns how many statements wait for the sequencer.
func (r *Registry) Waiting() int { return len(r.queue) }
