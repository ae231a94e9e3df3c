package access

import "slices"

// Action is what somebody wants to do. The list is closed: every address of the hub
// names one of them, and every one is decided by the policies.
type Action string

// The actions, with the kind of thing that each is done to.
const (
	ReadPublic Action = "read-public" // City: pages, data and files that are everyone's

	SeeCounts  Action = "see-counts"  // Camera: counts of this minute and every event
	LookLive   Action = "look-live"   // Camera: the live scene with marks; asks for a purpose and is recorded
	LookBack   Action = "look-back"   // Camera: the place and counts of the past before they are public; asks for a purpose and is recorded
	EditLayout Action = "edit-layout" // Camera: zones, lines and ground
	AskFootage Action = "ask-footage" // Camera: footage of a case

	LookData  Action = "look-data"     // Service: its raw data; asks for a purpose and is recorded
	SeeAlerts Action = "see-alerts"    // Service: its alerts, incidents and handover notes
	Handle    Action = "handle-alerts" // Service: acknowledge, assign, note, close its alerts; hand over
	SeeOrders Action = "see-orders"    // Service: its work orders
	GiveOrder Action = "give-orders"   // Service: make, change and cancel work orders
	Decide    Action = "decide"        // Service: agree to what it proposes, refuse it, have it undone
	DoOrder   Action = "do-orders"     // Service: carry out the work orders that were given to the one who asks

	SeeCases    Action = "see-cases"    // City: how cases for footage stand
	PrepareCase Action = "prepare-case" // City: what is recorded when, without a picture, to draft a request
	CarryCase   Action = "carry-case"   // City: hand in requests that an office's device signed, fetch and bring what goes between office and bodies

	ReadData  Action = "read-data"  // City: all of the city's data through its interfaces
	WriteData Action = "write-data" // City: change the city's data through its interfaces
	PushData  Action = "push-data"  // City: hand in measurements as a device, with the device's own secret

	SeeSystem  Action = "see-system"  // City: edges, processes, disks
	SeeMetrics Action = "see-metrics" // City: numbers for monitoring
	RunSystem  Action = "run-system"  // City: replay notifications and other operations

	OwnAccount    Action = "own-account"    // City: one's own passkeys, sessions, tokens, purpose
	SignIn        Action = "sign-in"        // City: sign in, enrol with a code
	SeePeople     Action = "see-people"     // City: who has which roles and grants
	ManagePeople  Action = "manage-people"  // Person: invite, grant, revoke, recover; never oneself
	ReviewAccess  Action = "review-access"  // City: who can see what, and why
	ProposePolicy Action = "propose-policy" // City: propose a change of the policies
	ApprovePolicy Action = "approve-policy" // City: agree to another's proposal
	AuditLooks    Action = "audit-looks"    // City: the details of looks
)

// Actions lists every action.
func Actions() []Action {
	return []Action{
		ReadPublic,
		SeeCounts, LookLive, LookBack, EditLayout, AskFootage,
		LookData, SeeAlerts, Handle, SeeOrders, GiveOrder, Decide, DoOrder,
		SeeCases, PrepareCase, CarryCase,
		ReadData, WriteData, PushData,
		SeeSystem, SeeMetrics, RunSystem,
		OwnAccount, SignIn, SeePeople, ManagePeople, ReviewAccess, ProposePolicy, ApprovePolicy, AuditLooks,
	}
}

// Known reports whether a stands on the list.
func (a Action) Known() bool { return slices.Contains(Actions(), a) }

// IsLook reports whether the action shows what is not public of a place or a service: it
// asks for a purpose and is written down before anything is shown.
func (a Action) IsLook() bool { return a == LookLive || a == LookBack || a == LookData }
