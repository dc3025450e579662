"""Measures grading (`p2v bench grading`): nbgrader as it comes and ours, on one simulated class, in one run.

submissions: what the class hands in. folders: course folders to grade it in. meter: what a command costs.
judge_alone: where one answer's time goes. grading: the measurements and their targets. shown: tables and JSON.
"""
