package forward

import (
	"polity/plane/ngsild/problem"
)

// Op is a set of operations that a registration allows (clause 4.20).
type Op uint64

// The operations of table 4.20-1 that are passed on.
const (
	CreateEntity Op = 1 << iota
	UpdateEntity
	AppendAttrs
	UpdateAttrs
	DeleteAttrs
	DeleteEntity
	MergeEntity
	ReplaceEntity
	ReplaceAttrs
	PurgeEntity
	CreateBatch
	UpsertBatch
	UpdateBatch
	DeleteBatch
	MergeBatch
	RetrieveEntity
	QueryEntity
	QueryBatch
	RetrieveTypes
	RetrieveTypeDetails
	RetrieveTypeInfo
	RetrieveAttrTypes
	RetrieveAttrTypeDetails
	RetrieveAttrTypeInfo

	discovery = RetrieveTypes | RetrieveTypeDetails | RetrieveTypeInfo | RetrieveAttrTypes | RetrieveAttrTypeDetails | RetrieveAttrTypeInfo
)

// operations names them, and the groups of table 4.20-2.
var operations = map[string]Op{
	"createEntity": CreateEntity, "updateEntity": UpdateEntity, "appendAttrs": AppendAttrs, "updateAttrs": UpdateAttrs,
	"deleteAttrs": DeleteAttrs, "deleteEntity": DeleteEntity, "mergeEntity": MergeEntity, "replaceEntity": ReplaceEntity,
	"replaceAttrs": ReplaceAttrs, "purgeEntity": PurgeEntity, "createBatch": CreateBatch, "upsertBatch": UpsertBatch,
	"updateBatch": UpdateBatch, "deleteBatch": DeleteBatch, "mergeBatch": MergeBatch, "retrieveEntity": RetrieveEntity,
	"queryEntity": QueryEntity, "queryBatch": QueryBatch, "retrieveEntityTypes": RetrieveTypes,
	"retrieveEntityTypeDetails": RetrieveTypeDetails, "retrieveEntityTypeInfo": RetrieveTypeInfo, "retrieveAttrTypes": RetrieveAttrTypes,
	"retrieveAttrTypeDetails": RetrieveAttrTypeDetails, "retrieveAttrTypeInfo": RetrieveAttrTypeInfo,

	"federationOps":  RetrieveEntity | QueryEntity | QueryBatch | discovery,
	"associationOps": RetrieveEntity | QueryEntity | QueryBatch | discovery,
	"retrieveOps":    RetrieveEntity | QueryEntity,
	"updateOps":      UpdateEntity | UpdateAttrs | ReplaceEntity | ReplaceAttrs,
	"redirectionOps": CreateEntity | UpdateEntity | AppendAttrs | UpdateAttrs | DeleteAttrs | DeleteEntity | MergeEntity |
		ReplaceEntity | ReplaceAttrs | RetrieveEntity | QueryEntity | PurgeEntity | discovery,
}

// others are operations of the standard that are not passed on.
var others = map[string]bool{
	"upsertTemporal": true, "appendAttrsTemporal": true, "deleteAttrsTemporal": true, "updateAttrInstanceTemporal": true,
	"deleteAttrInstanceTemporal": true, "deleteTemporal": true, "retrieveTemporal": true, "queryTemporal": true,
	"createSubscription": true, "updateSubscription": true, "retrieveSubscription": true, "querySubscription": true, "deleteSubscription": true,
	"retrieveEntityMap": true, "updateEntityMap": true, "deleteEntityMap": true, "createEntityMapQueryEntity": true,
	"createEntityMapQueryTemporal": true, "retrieveContextSourceIdentity": true,
}

// parseOps reads a list of operations and groups; without one they are federationOps
// (clause 5.2.9).
func parseOps(names []string) (Op, error) {
	if names == nil {
		return operations["federationOps"], nil
	}
	var ops Op
	for _, n := range names {
		op, ok := operations[n]
		if !ok && !others[n] {
			return 0, problem.BadRequest("operations: %q is no operation or group of operations of clause 4.20", n)
		}
		ops |= op
	}
	return ops, nil
}

// allows says whether one of the operations is among those allowed.
func (o Op) allows(any Op) bool { return o&any != 0 }
