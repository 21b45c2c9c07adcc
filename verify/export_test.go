package verify

// ParsePolicy reads a tlog-policy and returns the public keys that it asks
// for, of logs and of cosigners.
func ParsePolicy(text string) (logs, cosigners []string, err error) {
	p, err := parsePolicy(text)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range p.logs {
		logs = append(logs, k.verifier.Name())
	}
	for _, c := range p.quorum.cosigners() {
		cosigners = append(cosigners, c.name)
	}
	return logs, cosigners, nil
}

var ParseDuration = parseDuration
