package access

// Circumstances are what else a decision may depend on.
type Circumstances struct {
	Loopback bool // the request came from this machine itself, by a name of it, through no proxy
}

// Decision is the answer of the policies.
type Decision struct {
	Allowed bool
	// Purpose is set when nothing but a stated purpose is missing.
	Purpose bool
	// By names the policies that decided: those that forbid, else those that permit.
	By []string
	// Why is one sentence for the one who asks: which right is missing and whom to ask.
	Why string
}

// Decider says whether somebody may do something. It is safe for concurrent use and
// answers in microseconds.
type Decider interface {
	Decide(who Who, do Action, on Thing, at Circumstances) Decision
}
