"""The tensor itself: conversion, copies, exchange with others, printing."""
