// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package helm_test

// olderObjects are such as the first version knew. Nobody answers at the Directory's address.
const olderObjects = `
apiVersion: iam.rollcall.dev/v1alpha1
kind: Directory
metadata: {name: corp}
spec:
  ldap:
    url: ldaps://127.0.0.1:1
    caSecretRef: {name: corp-ca}
    bindSecretRef: {name: corp-bind}
    schema: RFC2307bis
    users: {baseDN: "ou=people,dc=corp,dc=example"}
    groups: {baseDN: "ou=groups,dc=corp,dc=example"}
  syncIntervalSeconds: 300
---
apiVersion: iam.rollcall.dev/v1alpha1
kind: User
metadata: {name: robin}
spec:
  userName: robin
  kubeconfig:
    secretRef: {namespace: rollcall-system, name: robin-kubeconfig}
    durationSeconds: 3600
---
apiVersion: iam.rollcall.dev/v1alpha1
kind: Group
metadata: {name: deployers}
spec:
  groupName: deployers
  members: [robin]
---
apiVersion: iam.rollcall.dev/v1alpha1
kind: Grant
metadata: {name: robin-view}
spec:
  subjects: [{kind: User, name: robin}]
  roleRef: {kind: ClusterRole, name: view}
  scope: Namespaces
  namespaces: {names: [playground]}
  reason: trying Rollcall
`

// newerObjects take kinds and fields that the first version did not know.
const newerObjects = `
apiVersion: iam.rollcall.dev/v1alpha1
kind: Grant
metadata: {name: newer}
spec:
  subjects: [{kind: Group, name: deployers}]
  roleRef: {kind: ClusterRole, name: admin}
  scope: Namespaces
  namespaces: {names: [playground]}
  activation: OnRequest
  request: {maxDurationSeconds: 3600, approvers: [{kind: User, name: robin}]}
  reason: repairs
---
apiVersion: iam.rollcall.dev/v1alpha1
kind: Lock
metadata: {name: lost-laptop}
spec:
  target: {kind: Device, name: laptop-0815}
  reason: lost on the train
`

// deployers get a role that is bindable once the release says so.
const deployers = `
apiVersion: iam.rollcall.dev/v1alpha1
kind: Grant
metadata: {name: deployers}
spec:
  subjects: [{kind: Group, name: deployers}]
  roleRef: {kind: ClusterRole, name: deployer}
  scope: Namespaces
  namespaces: {names: [playground]}
  reason: they deploy
`

// requestOfAnother is what nobody may create.
const requestOfAnother = `
apiVersion: iam.rollcall.dev/v1alpha1
kind: AccessRequest
metadata: {name: of-another}
spec:
  grantRef: {name: newer}
  userName: nobody-of-that-name
  durationSeconds: 60
`
