package policy

import "polity/access"

// actionWords are the actions as a council reads them.
var actionWords = map[access.Action]string{
	access.ReadPublic:    "read what is public",
	access.SeeCounts:     "see a camera's counts of this minute and its events",
	access.LookLive:      "look at a camera's live scene, with marks where people are",
	access.LookBack:      "look at a camera's past before it is public",
	access.EditLayout:    "draw zones, lines and ground on a camera's place",
	access.AskFootage:    "ask for a camera's footage in a case",
	access.LookData:      "look at the raw data of a service",
	access.SeeAlerts:     "see alerts, incidents and handover notes of a desk",
	access.Handle:        "handle alerts of a desk, and judge them",
	access.SeeOrders:     "see work orders of a desk",
	access.GiveOrder:     "give work orders of a desk",
	access.Decide:        "decide what a service proposes",
	access.DoOrder:       "carry out work orders of a desk",
	access.SeeCases:      "see how cases for footage stand",
	access.PrepareCase:   "see what is recorded when, without a picture, to draft a request for footage",
	access.CarryCase:     "hand in requests for footage that an office's device signed, and bring what goes between office and bodies",
	access.ReadData:      "read all of the city's data through its interfaces",
	access.WriteData:     "write the city's data through its interfaces",
	access.PushData:      "hand in measurements as a device",
	access.SeeSystem:     "see how edges, processes and disks do",
	access.SeeMetrics:    "read the numbers for monitoring",
	access.RunSystem:     "run the system",
	access.OwnAccount:    "keep one's own passkeys, sessions, tokens and purpose",
	access.SignIn:        "sign in",
	access.SeePeople:     "see who has which role",
	access.ManagePeople:  "invite people, grant and revoke",
	access.ReviewAccess:  "review who may see what",
	access.ProposePolicy: "propose a change of the policies",
	access.ApprovePolicy: "approve a change of the policies",
	access.AuditLooks:    "see who looked at what",
}

// Words are an action as a council reads it: "see a camera's counts ...".
func Words(a access.Action) string { return actionWords[a] }

var roleWords = map[access.Role]string{
	access.TrafficOperator: "Traffic operator",
	access.WasteOperator:   "Waste operator",
	access.WaterOperator:   "Water operator",
	access.PowerOperator:   "Power operator",
	access.SafetyOperator:  "Safety operator",
	access.EvidenceOfficer: "Evidence officer",
	access.DataProtection:  "Data protection officer",
	access.IT:              "Administrator (it)",
	access.Auditor:         "Auditor",
	access.Crew:            "Crew",
}

// RoleWords are a role as a council reads it: "Data protection officer".
func RoleWords(r access.Role) string { return roleWords[r] }
