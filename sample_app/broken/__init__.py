"""Services that are broken in one way each, and one that is not: what the test bed has diagnosed.

Each module is one service, `uvicorn sample_app.broken.NAME:app`, and does its work at `/work`. None has metrics of its
own or knows of tuning. All are as their authors might have written them.
"""
